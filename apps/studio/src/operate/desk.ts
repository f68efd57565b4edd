import {
  ApiError,
  type AutoscaleAdvice,
  type DeadLetters,
  type LiveWorkers,
  type Priority,
  type TaskHealth,
  type TaskPerformance,
  type TaskTrends,
} from '@musicgen/client';
import { effect, signal } from '@preact/signals';
import { operation } from '../service.ts';
import { stored } from '../stored.ts';
import { whileVisible } from '../time.ts';

/** All that an operator looks at, as of one moment. */
export interface Desk {
  health: TaskHealth;
  workers: LiveWorkers;
  advice: AutoscaleAdvice;
  /** Over the last hour. */
  hour: TaskPerformance;
  letters: DeadLetters;
  trends: TaskTrends;
}

export const desk = signal<Desk | undefined>(undefined);
/** Why there is nothing new on the desk. */
export const deskError = signal<unknown>(undefined);

/** A look at what goes on counting; two of them make a rate. */
export interface Look {
  /** Unix milliseconds. */
  at: number;
  submitted: Record<Priority, number>;
  ended: Record<Priority, number>;
  /** Seconds of the last minute's pieces; null when none was completed. */
  p50: number | null;
  p95: number | null;
}

const intervalMs = 4_000;
const keptMs = 30 * 60_000;

/** The last half hour as far as this tab has watched it, the latest last. */
export const looks = stored<Look[]>('looks', [], sessionStorage);

let turns = 0;

async function refresh(): Promise<void> {
  turns += 1;
  const turn = turns;
  try {
    const { value: client } = operation;
    const [health, workers, advice, hour, minute, letters, trends] = await Promise.all([
      client.getTaskHealth(),
      client.getWorkers(),
      client.getAutoscale(),
      client.getTaskPerformance(),
      client.getTaskPerformance({ timeWindowSeconds: 60 }),
      client.listDeadLetters({ limit: 20 }),
      client.getTaskTrends(),
    ]);
    // What was asked for after something was done is newer, whenever it came.
    if (turn !== turns) return;
    desk.value = { health, workers, advice, hour, letters, trends };
    deskError.value = undefined;
    note(health, minute);
  } catch (error) {
    if (turn !== turns) return;
    deskError.value = error;
    if (isRefusal(error)) desk.value = undefined;
  }
}

/** Whether the operator's key, or that there is none, is what stands in the way. */
export function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 'unauthorized' || error.code === 'forbidden');
}

function note({ queue_status }: TaskHealth, minute: TaskPerformance): void {
  const at = Date.now();
  const totals = (name: 'submitted_total' | 'ended_total') =>
    Object.fromEntries(queue_status.map((queue) => [queue.priority, queue[name]])) as Record<
      Priority,
      number
    >;
  const isQuiet = minute.completed_tasks === 0;
  const look: Look = {
    at,
    submitted: totals('submitted_total'),
    ended: totals('ended_total'),
    p50: isQuiet ? null : minute.p50_processing_time,
    p95: isQuiet ? null : minute.p95_processing_time,
  };
  looks.value = [...looks.value.filter((other) => other.at > at - keptMs), look];
}

let wake = () => {};

/** Keeps the desk up to date as long as someone stands at it; the returned function ends that. */
export function watchDesk(): () => void {
  return effect(() => {
    operation.value;
    let stop = whileVisible(refresh, () => intervalMs);
    wake = () => {
      stop();
      stop = whileVisible(refresh, () => intervalMs);
    };
    return () => stop();
  });
}

/** Does something and looks at what came of it. */
export async function act(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } finally {
    wake();
  }
}
