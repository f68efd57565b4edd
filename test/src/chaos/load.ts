import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { isTerminal, type Priority, priorityNames } from '@musicgen/contract';
import type { NewTask, TaskProducer } from '@musicgen/queue';
import { promptOf } from './fake-engine.ts';
import type { HistoryWriter, Intent } from './history.ts';
import { settings } from './settings.ts';

export interface LoadOptions {
  producer: TaskProducer;
  history: HistoryWriter;
  random: () => number;
}

export interface Submission {
  intent: Intent;
  priority: Priority;
  /** Steps of the fake engine. */
  frames: number;
}

/** Clients of the queue: they submit until they are answered, look at what became of it, and change their minds. */
export interface Load {
  /** Submits bursts, deep queue and idle fleet in turn, until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves once the task is acknowledged, to its id. */
  submit(submission: Submission): Promise<string>;
  /** Resolves once every acknowledged task was seen finished, or after `timeoutMs`. */
  untilFinished(timeoutMs: number): Promise<void>;
  /** Every task that was acknowledged. */
  acknowledged(): string[];
}

const largestBurst = 60;
const longestPauseMs = 600;
const ttlSeconds = 86_400;
const pollMs = 150;
/** Tasks belong to these in turn, at random; undefined is nobody. */
export const owners = ['key-1', 'key-2', undefined] as const;
/** How many finished tasks are looked at again in every poll: their status must not change. */
const looksBack = 5;

export function createLoad({ producer, history, random }: LoadOptions): Load {
  const unfinished = new Set<string>();
  const finished: string[] = [];
  let requests = 0;

  async function submit({ intent, priority, frames }: Submission): Promise<string> {
    const request = `request-${requests++}`;
    const repeatsId = random() < 0.5;
    const id = randomUUID();
    const owner = owners[Math.floor(random() * owners.length)];
    const notified = random() < 0.5;
    const task: Omit<NewTask, 'id'> = {
      priority,
      request: { prompt: promptOf(intent, request), duration: frames, priority, ttl: ttlSeconds, seed: 1 },
      ttlSeconds,
      maxAttempts: settings.maxAttempts,
      ...(owner !== undefined && { owner }),
      ...(notified && { notify: request }),
      // Either way of asking again must make one task: with the same id, or with a new one under the same key.
      ...(!repeatsId && { idempotency: { key: request, requestHash: request } }),
    };
    const record = await untilAnswered(() => {
      const attempt = { ...task, id: repeatsId ? id : randomUUID() };
      history.write({ type: 'enqueue:called', request, task: attempt.id });
      return producer.enqueue(attempt);
    });
    const told = { priority, intent, notified, ...(owner !== undefined && { owner }) };
    history.write({ type: 'enqueue:acknowledged', request, task: record.id, ...told });
    unfinished.add(record.id);
    return record.id;
  }

  async function submitAndPerhapsCancel(): Promise<void> {
    const task = await submit(drawSubmission(random));
    if (random() > 0.06) return;
    await delay(random() * 1_500);
    const outcome = await untilAnswered(() => producer.cancel(task));
    history.write({ type: 'cancel:answered', task, outcome });
  }

  async function look(task: string): Promise<void> {
    const record = await producer.get(task).catch(() => undefined);
    if (record === undefined) return;
    const { status } = record;
    // That a task is still under way says nothing; that one is again after its end would.
    if (isTerminal(status) || !unfinished.has(task)) history.write({ type: 'status:seen', task, status });
    if (isTerminal(status) && unfinished.delete(task)) finished.push(task);
  }

  async function poll(): Promise<void> {
    const again = Array.from({ length: looksBack }, () => finished[Math.floor(random() * finished.length)]);
    await Promise.all([...unfinished, ...again.filter((task) => task !== undefined)].map(look));
    await delay(pollMs);
  }

  async function pollUntil(isReached: () => boolean): Promise<void> {
    while (!isReached()) await poll();
  }

  return {
    submit,
    async run(signal) {
      const submissions: Promise<void>[] = [];
      while (!signal.aborted) {
        const burst = 1 + Math.floor(random() * largestBurst);
        for (let index = 0; index < burst; index += 1) submissions.push(submitAndPerhapsCancel());
        const leftOver = random() < 0.25 ? 0 : Math.floor(random() * 40);
        await pollUntil(() => signal.aborted || unfinished.size <= leftOver);
        await delay(random() * longestPauseMs);
      }
      await Promise.all(submissions);
    },
    async untilFinished(timeoutMs) {
      const deadline = Date.now() + timeoutMs;
      await pollUntil(() => unfinished.size === 0 || Date.now() > deadline);
    },
    acknowledged: () => [...unfinished, ...finished],
  };
}

/** Asks again until there is an answer, as a client does that was told 503 or nothing at all. */
async function untilAnswered<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    try {
      return await ask();
    } catch {
      await delay(50 + Math.random() * 150);
    }
  }
}

function drawSubmission(random: () => number): Submission {
  const draw = random();
  const intent = draw < 0.86 ? 'complete' : draw < 0.94 ? 'flaky' : draw < 0.97 ? 'broken' : 'refused';
  const priority = priorityNames[Math.floor(random() * priorityNames.length)] ?? 'NORMAL';
  // Mostly short, with a long one in ten that outlasts most workers.
  const frames = 1 + Math.floor(random() * (random() < 0.1 ? 30 : 8));
  return { intent, priority, frames };
}
