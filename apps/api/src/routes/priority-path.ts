import { type Priority, parsePriority, priorities, priorityNames } from '@musicgen/contract';
import { z } from 'zod';

/** A priority in a path, by name in any case or by number; refuse others with `invalidParams: 'unknown_priority'`. */
export const priorityParams = z.object({
  priority: z
    .string()
    .refine((text) => parsePriority(text) !== undefined)
    .transform((text) => parsePriority(text) as Priority)
    .describe(`One of ${priorityNames.map((name) => `${name} (${priorities[name]})`).join(', ')}.`),
});
