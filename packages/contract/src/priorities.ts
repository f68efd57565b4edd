import { z } from 'zod';

/** Every priority and its number, best first. Requests may give either; nothing else is valid. */
export const priorities = { CRITICAL: 20, HIGH: 10, NORMAL: 5, LOW: 1 } as const;

export type Priority = keyof typeof priorities;

/** Best first: the order in which a worker looks for work. */
export const priorityNames = Object.keys(priorities) as Priority[];

const allowed = priorityNames.map((name) => `${name} (${priorities[name]})`).join(', ');

/**
 * The priority a caller means by a number (`20`), a numeric string (`"20"`) or a name in any case (`"high"`),
 * or `undefined` when it means none.
 */
export function parsePriority(value: unknown): Priority | undefined {
  const text = String(value).trim().toUpperCase();
  return priorityNames.find((name) => name === text || String(priorities[name]) === text);
}

/** A priority given as number or name; parses to the name. */
export const prioritySchema = z
  .union([z.string(), z.number()], { error: `must be one of ${allowed}` })
  .transform((value, context) => {
    const priority = parsePriority(value);
    if (priority === undefined) context.addIssue({ code: 'custom', message: `must be one of ${allowed}` });
    return priority;
  })
  .pipe(z.enum(priorityNames));
