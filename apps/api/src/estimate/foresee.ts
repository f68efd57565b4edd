import type { Priority } from '@musicgen/contract';

/** Slots of workers that are alike: what they serve, how fast they are, when they are free. */
export interface Slots {
  priorities: readonly Priority[];
  /** How many; a fraction where only a share is known. */
  count: number;
  /** Seconds of audio that one slot makes in a second, while all slots of its worker are busy. */
  speed: number;
  /** The same while the others are idle; batching makes a worker faster but each of its tasks slower. */
  speedAlone: number;
  /** Seconds until they take another task; 0 for idle ones. */
  freeIn: number;
}

export interface Work {
  tasks: number;
  /** Of audio, over all these tasks. */
  seconds: number;
}

/** What lies before a fleet at one moment. */
export interface Outlook {
  slots: readonly Slots[];
  waiting: Record<Priority, Work>;
  /** Nothing is taken from these. */
  paused: readonly Priority[];
}

export interface PlannedTask {
  priority: Priority;
  /** Of audio. */
  seconds: number;
  /** How many tasks of its own queue go before it; absent: all that wait there, as for one that is submitted now. */
  ahead?: number;
  /** What goes before it and is not in the queues yet. */
  besides?: Work;
}

/** Seconds from now. */
export interface Foresight {
  startsIn: number;
  finishesIn: number;
}

/**
 * When a task will be started and finished if nothing better is submitted meanwhile, or undefined when no worker
 * serves it or its queue is paused. The tasks before it are taken to be equally long.
 */
export function foresee(outlook: Outlook, task: PlannedTask): Foresight | undefined {
  const serving = outlook.slots.filter(({ priorities }) => priorities.includes(task.priority));
  if (serving.length === 0 || outlook.paused.includes(task.priority)) return undefined;
  const before = workBefore(outlook, task);
  const startsIn = whenStarted(serving, before);
  return { startsIn, finishesIn: startsIn + task.seconds / speedOfOne(serving, before) };
}

/** Between the speed of a task alone and that of one among many, by how many slots will be busy beside it. */
function speedOfOne(slots: readonly Slots[], before: Work): number {
  const all = countOf(slots);
  const busy = countOf(slots.filter(({ freeIn }) => freeIn > 0)) + before.tasks;
  const load = all <= 1 ? 1 : Math.min(1, busy / (all - 1));
  const alone = slots.reduce((sum, { count, speedAlone }) => sum + count * speedAlone, 0);
  return (alone + (totalSpeed(slots) - alone) * load) / all;
}

/**
 * What the task's workers take before it: what is ahead of it in its own queue, and of every better queue the share
 * that falls to them, where other workers serve that one too.
 */
function workBefore({ slots, waiting, paused }: Outlook, task: PlannedTask): Work {
  const work = ownBefore(waiting[task.priority], task);
  for (const priority of betterThan(task.priority, Object.keys(waiting) as Priority[])) {
    if (paused.includes(priority)) continue;
    const all = slots.filter(({ priorities }) => priorities.includes(priority));
    const ours = all.filter(({ priorities }) => priorities.includes(task.priority));
    const part = partOf(waiting[priority], all.length === 0 ? 0 : countOf(ours) / countOf(all));
    work.tasks += part.tasks;
    work.seconds += part.seconds;
  }
  return work;
}

/** More may be ahead than was waiting when the queues were looked at. */
function ownBefore(
  own: Work,
  { ahead = own.tasks, seconds, besides = { tasks: 0, seconds: 0 } }: PlannedTask,
): Work {
  const length = own.tasks === 0 ? seconds : own.seconds / own.tasks;
  return { tasks: ahead + besides.tasks, seconds: ahead * length + besides.seconds };
}

/** The priorities stand best first. */
function betterThan(priority: Priority, bestFirst: Priority[]): Priority[] {
  return bestFirst.slice(0, bestFirst.indexOf(priority));
}

function partOf({ tasks, seconds }: Work, share: number): Work {
  return { tasks: tasks * share, seconds: seconds * share };
}

/** How precisely the moment is searched for: each step halves what is left. */
const searchSteps = 40;

/**
 * The first moment, in seconds from now, by which the slots have begun all that goes before a task, and it too. A slot
 * that is free in f seconds and needs d for one task has begun ⌊(t − f) / d⌋ + 1 of them by the time t.
 */
export function whenStarted(slots: readonly Slots[], before: Work): number {
  const lengthSeconds = before.tasks === 0 ? 0 : before.seconds / before.tasks;
  const begunBy = (seconds: number) =>
    slots.reduce((sum, { count, speed, freeIn }) => {
      if (seconds < freeIn) return sum;
      return sum + count * (Math.floor(((seconds - freeIn) * speed) / lengthSeconds) + 1);
    }, 0);
  const soonest = Math.min(...slots.map(({ freeIn }) => freeIn));
  if (lengthSeconds === 0 || begunBy(soonest) > before.tasks) return soonest;
  let tooSoon = soonest;
  let enough =
    Math.max(...slots.map(({ freeIn }) => freeIn)) + before.seconds / totalSpeed(slots) + lengthSeconds;
  while (begunBy(enough) <= before.tasks) enough *= 2;
  for (let step = 0; step < searchSteps; step++) {
    const middle = (tooSoon + enough) / 2;
    if (begunBy(middle) > before.tasks) enough = middle;
    else tooSoon = middle;
  }
  return enough;
}

/** Seconds of audio in a second, of all slots together. */
export function totalSpeed(slots: readonly Slots[]): number {
  return slots.reduce((sum, { count, speed }) => sum + count * speed, 0);
}

export function countOf(slots: readonly Slots[]): number {
  return slots.reduce((sum, { count }) => sum + count, 0);
}
