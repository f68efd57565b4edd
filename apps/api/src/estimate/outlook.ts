import { type Priority, priorityNames, workerDescriptionSchema } from '@musicgen/contract';
import type { Backlog, RunningTask, WorkerPresence } from '@musicgen/queue';
import { z } from 'zod';
import { countOf, type Outlook, type Slots } from './foresee.ts';

/** What a task costs in the queue: its audio in whole milliseconds. */
export function costOf(audioSeconds: number): number {
  return Math.round(audioSeconds * 1000);
}

/** Seconds of audio that a cost stands for. */
export function audioSecondsOf(cost: number): number {
  return cost / 1000;
}

/** What of a worker's own words counts here. */
export interface LiveWorker {
  id: string;
  slots: number;
  priorities: readonly Priority[];
  draining: boolean;
  /** Seconds of audio in a second, of one slot; absent when the worker does not say. */
  speed?: { alone: number; full: number };
}

/** A worker of another version may say less; what it serves and how much it takes, every one says. */
const leastDescriptionSchema = z.object({
  slots: z.int().min(1).catch(1),
  priorities: z.array(z.enum(priorityNames)).catch([...priorityNames]),
});

/** A worker's entry in the registry, as far as estimates need it. */
export function liveWorker({ id, draining, description }: WorkerPresence): LiveWorker {
  const { slots, priorities } = leastDescriptionSchema.parse(description);
  const model = workerDescriptionSchema.safeParse(description).data?.models[0];
  if (model === undefined) return { id, slots, priorities, draining };
  const { frame_rate, speed } = model;
  return {
    id,
    slots,
    priorities,
    draining,
    speed: { alone: speed.alone / frame_rate, full: speed.all / frame_rate / slots },
  };
}

export interface OutlookOptions {
  backlog: Backlog;
  workers: readonly LiveWorker[];
  /** How fast one slot has been lately with whole tasks, from the queue's statistics. */
  measuredSpeed: number | undefined;
}

/** Puts together what waits, what runs and who works. Workers of unknown speed count for nothing. */
export function outlookOf({ backlog, workers, measuredSpeed }: OutlookOptions): Outlook {
  const working = workers.filter(({ draining }) => !draining);
  const efficiency = efficiencyOf(working, measuredSpeed);
  const measured = working.map((worker) => withSpeed(worker, { efficiency, measuredSpeed }));
  const sampled = measured.flatMap((worker) => slotsOf(worker, backlog));
  const work = ({ tasks, cost }: { tasks: number; cost: number }) => ({
    tasks,
    seconds: audioSecondsOf(cost),
  });
  const { CRITICAL, HIGH, NORMAL, LOW } = backlog.waiting;
  return {
    slots: withUnsampled(sampled, backlog),
    waiting: { CRITICAL: work(CRITICAL), HIGH: work(HIGH), NORMAL: work(NORMAL), LOW: work(LOW) },
    paused: backlog.paused,
  };
}

/**
 * Workers say how fast their decoders are; text, codec, encoding and storing come on top, and whatever else their machines
 * do. Where tasks took longer lately than even busy decoders would need, that share of the speed is what is left.
 */
function efficiencyOf(workers: readonly LiveWorker[], measuredSpeed: number | undefined): number {
  const known = workers.flatMap(({ speed, slots }) => (speed ? [{ full: speed.full, slots }] : []));
  const slots = known.reduce((sum, worker) => sum + worker.slots, 0);
  if (measuredSpeed === undefined || slots === 0) return 1;
  return Math.min(1, (measuredSpeed * slots) / known.reduce((sum, { full, slots }) => sum + full * slots, 0));
}

/** One that does not say how fast it is counts as fast as the fleet was. */
function withSpeed(
  worker: LiveWorker,
  { efficiency, measuredSpeed }: { efficiency: number; measuredSpeed: number | undefined },
): LiveWorker {
  const { speed } = worker;
  if (speed) return { ...worker, speed: { alone: speed.alone * efficiency, full: speed.full * efficiency } };
  return measuredSpeed === undefined
    ? worker
    : { ...worker, speed: { alone: measuredSpeed, full: measuredSpeed } };
}

function slotsOf({ id, slots, priorities, speed }: LiveWorker, backlog: Backlog): Slots[] {
  if (speed === undefined) return [];
  const { alone, full } = speed;
  const like = { priorities, speed: full, speedAlone: alone };
  const running = backlog.running.filter((task) => task.worker === id);
  const busy = running.map((task) => ({ ...like, count: 1, freeIn: secondsLeft(task, backlog.at, full) }));
  const idle = slots - running.length;
  return idle > 0 ? [...busy, { ...like, count: idle, freeIn: 0 }] : busy;
}

/** A running task is not known to be over before it is, so a little is always left. */
const leastSecondsLeft = 0.1;

function secondsLeft(task: RunningTask, now: number, speed: number): number {
  const { claimedAt, cost = 0, updatedAt, remainingMs } = task;
  const left =
    updatedAt !== undefined && remainingMs !== undefined
      ? (updatedAt + remainingMs - now) / 1000
      : audioSecondsOf(cost) / speed - (now - claimedAt) / 1000;
  return Math.max(leastSecondsLeft, left);
}

/** Only some of what runs is looked at. The rest occupies idle slots, each for as long as those take on average. */
function withUnsampled(slots: readonly Slots[], { processing, running }: Backlog): Slots[] {
  const idle = slots.filter(({ freeIn }) => freeIn === 0);
  const busy = slots.filter(({ freeIn }) => freeIn > 0);
  const unsampled = Math.max(0, processing - running.length);
  if (unsampled === 0 || idle.length === 0 || busy.length === 0) return [...slots];
  const share = Math.min(1, unsampled / countOf(idle));
  const freeIn = busy.reduce((sum, group) => sum + group.freeIn, 0) / busy.length;
  const occupied = idle.map((group) => ({ ...group, count: group.count * share, freeIn }));
  const stillIdle = idle.map((group) => ({ ...group, count: group.count * (1 - share) }));
  return [...busy, ...occupied, ...stillIdle.filter(({ count }) => count > 0)];
}
