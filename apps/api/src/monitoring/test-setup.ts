import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Priority, priorityNames } from '@musicgen/contract';
import { uuidv7 } from 'uuidv7';
import { claimNext, type TestApp } from '../test-setup.ts';

/** What a worker of the tests says about itself. */
export const workerDescription = {
  slots: 2,
  priorities: priorityNames,
  models: [
    {
      id: 'test',
      licence: 'MIT',
      notice: null,
      precision: 'fp32',
      sample_rate: 32_000,
      channels: 1,
      frame_rate: 50,
      window_seconds: 30,
      defaults: { temperature: 1, top_k: 250, top_p: 1, guidance_scale: 3 },
      supports: {
        continuation_of_tasks: false,
        continuation_of_audio: false,
        negative_prompt: true,
        preview: false,
      },
      speed: { alone: 100, all: 150 },
    },
  ],
};

/**
 * Two tasks completed after 20 and 40 s, one dead letter, one cancelled, one that has run for two hours, two HIGH and one LOW
 * that wait, one live worker.
 */
export async function seedHistory(context: TestApp): Promise<{ deadId: string }> {
  const { consumer, redis, prefix } = context;
  await consumer.describe(workerDescription);
  for (const seconds of [20, 40]) {
    await submitted(context, 'CRITICAL');
    const { task, token } = await claimNext(consumer);
    await consumer.complete({ task: { ...task, updatedAt: task.updatedAt - seconds * 1000 }, token }, {});
  }
  const deadId = await submitted(context, 'CRITICAL');
  const failure = { code: 'generation_failed', detail: 'Not a number.', retryable: true } as const;
  await consumer.fail(await claimNext(consumer), failure);
  await context.queue.createProducer().cancel(await submitted(context, 'NORMAL'));
  const running = await submitted(context, 'NORMAL');
  await claimNext(consumer);
  await redis.zadd(`${prefix}:processing`, 'XX', Date.now() - 7_200_000, running);
  const oldest = await submitted(context, 'HIGH');
  await redis.zadd(`${prefix}:queue:HIGH`, 'XX', Date.now() - 60_000, oldest);
  await submitted(context, 'HIGH');
  const low = await submitted(context, 'LOW');
  await redis.zadd(`${prefix}:queue:LOW`, 'XX', Date.now() - 30_000, low);
  await context.queue.createJanitor().clean();
  return { deadId };
}

async function submitted({ queue }: TestApp, priority: Priority): Promise<string> {
  const { id } = await queue.createProducer().enqueue({
    id: uuidv7(),
    priority,
    request: { prompt: 'calm lofi', duration: 10, priority, ttl: 3600, seed: 7 },
    cost: 10_000,
    ttlSeconds: 3600,
    maxAttempts: 1,
  });
  return id;
}

const examples = join(import.meta.dirname, 'examples');

/**
 * Holds an answer against the stored one: every field, no other; whole numbers and words exactly; times, ids and measured
 * numbers by their kind. With `UPDATE_EXAMPLES` set the answer is stored instead, to be read through before it is committed.
 */
export async function expectLikeExample(name: string, answer: unknown): Promise<void> {
  const file = join(examples, `${name}.json`);
  if (process.env.UPDATE_EXAMPLES) await writeFile(file, `${JSON.stringify(answer, undefined, 2)}\n`);
  expect(answer).toEqual(alike(JSON.parse(await readFile(file, 'utf8'))));
}

const kinds = {
  uuid: /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/,
  time: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
  hour: /^\d{4}-\d\d-\d\d \d\d:00$/,
  streamId: /^\d{13}-\d+$/,
};

function alike(example: unknown, name = ''): unknown {
  if (typeof example === 'string') {
    const kind = Object.values(kinds).find((pattern) => pattern.test(example));
    return kind === undefined ? example : expect.stringMatching(kind);
  }
  if (typeof example === 'number' && (isTime(name) ? example > 0 : !Number.isInteger(example)))
    return about(example, name);
  if (Array.isArray(example)) return example.map((part) => alike(part));
  if (typeof example !== 'object' || example === null) return example;
  const entries = Object.entries(example);
  if (entries.some(([key]) => kinds.hour.test(key))) return sameTotal(example);
  const fields = entries.map(([key, value]) => [
    key,
    key === 'by_age' ? sameTotal(value) : alike(value, key),
  ]);
  return Object.fromEntries(fields);
}

function isTime(name: string): boolean {
  return /(_time|_age|_duration|_seconds|_in|^p\d+|^queue)$/.test(name);
}

/** Seconds to the tenth of them and what a slow machine adds; a share to the hundredth. */
function about(value: number, name: string) {
  const tolerance = isTime(name) ? 10 + value / 10 : 0.01;
  return {
    asymmetricMatch: (other: unknown) => typeof other === 'number' && Math.abs(other - value) <= tolerance,
    toString: () => `about ${value}`,
  };
}

/** Tasks may grow a minute older, and the hour may change, while a test runs: then only the sums stay. */
function sameTotal(example: object) {
  const total = (value: unknown): number =>
    typeof value === 'object' && value !== null
      ? Object.values(value).reduce((sum: number, part) => sum + total(part), 0)
      : Number(value);
  const names = (value: unknown) =>
    Object.keys(value ?? {}).map((name) => (kinds.hour.test(name) ? 'hour' : name));
  return {
    asymmetricMatch: (other: unknown) =>
      total(other) === total(example) && names(other).join() === names(example).join(),
    toString: () => `${names(example).join()} with ${total(example)} in all`,
  };
}
