import { readFile } from 'node:fs/promises';
import { type Priority, priorityNames } from '@musicgen/contract';
import { z } from 'zod';

const spellSchema = z
  .strictObject({
    from_minute: z.number().min(0),
    to_minute: z.number().positive(),
    tasks_per_minute: z.number().min(0).describe('On average; they come at random moments.'),
    seconds: z.number().positive().describe('Of audio, each task.'),
    priority: z.enum(priorityNames).default('NORMAL'),
  })
  .refine(({ from_minute, to_minute }) => from_minute < to_minute, 'to_minute must come after from_minute');

/** What a file of arrivals holds. */
const scenarioSchema = z.strictObject({
  name: z.string().min(1),
  /** One worker, as it was measured: `GET /api/v1/monitoring/workers` shows what running ones measured. */
  worker: z.strictObject({
    slots: z.int().min(1).max(64),
    /** Seconds of audio in a second: of a piece that has the worker to itself, and of all together with every slot busy. */
    alone: z.number().positive(),
    all: z.number().positive(),
    /** From the decision to have it to its first claim. */
    start_seconds: z.number().min(0),
    cost_per_hour: z.number().min(0),
  }),
  /** For this many workers at most; the rates grow and shrink with the number that a run allows. */
  workers: z.int().min(1),
  minutes: z.number().positive().max(1440),
  arrivals: z.array(spellSchema).min(1),
});

export type Scenario = z.infer<typeof scenarioSchema>;

/** @throws Error with one sentence that names the file and every field that is wrong */
export async function readScenario(path: string): Promise<Scenario> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new Error(`${path} cannot be read (${error.code}).`);
  });
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new Error(`${path} is not valid JSON: ${(error as Error).message}`);
  }
  const parsed = scenarioSchema.safeParse(content);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path: at, message }) => `${at.join('.') || 'the file'}: ${message}`,
  );
  throw new Error(`${path} is no file of arrivals: ${problems.join('; ')}.`);
}

export interface Arrival {
  atSecond: number;
  seconds: number;
  priority: Priority;
}

/** Draws when tasks come, as a Poisson process, in the order they come. */
export function drawArrivals(
  { arrivals, minutes }: Scenario,
  scale: number,
  random: () => number,
): Arrival[] {
  const drawn = arrivals.flatMap((spell) => {
    const perSecond = (spell.tasks_per_minute * scale) / 60;
    const end = Math.min(spell.to_minute, minutes) * 60;
    const times: number[] = [];
    let at = spell.from_minute * 60;
    for (;;) {
      at -= Math.log(1 - random()) / perSecond;
      if (!(at < end)) break;
      times.push(at);
    }
    return times.map((atSecond) => ({ atSecond, seconds: spell.seconds, priority: spell.priority }));
  });
  return drawn.sort((a, b) => a.atSecond - b.atSecond);
}
