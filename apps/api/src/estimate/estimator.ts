import type { Priority } from '@musicgen/contract';
import type { NewTask, QueueMonitor } from '@musicgen/queue';
import { cached } from '../cached.ts';
import { foresee, type Outlook, type PlannedTask, totalSpeed, type Work } from './foresee.ts';
import { audioSecondsOf, costOf, type LiveWorker, liveWorker, outlookOf } from './outlook.ts';

/** When a task will be started and finished, in Unix milliseconds. */
export interface Estimate {
  startAt: number;
  finishAt: number;
}

/** What is known about the fleet at one moment. */
export interface FleetState {
  workers: readonly LiveWorker[];
  outlook: Outlook;
  /** Tasks that are being worked on. */
  processing: number;
  /** Tasks that wait, without those that wait for a retry. */
  waiting: number;
  /** Seconds of audio that one slot made in a second lately, over the whole fleet; undefined before the first. */
  slotSpeed: number | undefined;
}

/**
 * Foresees when tasks will be done. Looks at the queue at most once a second however many ask, so that an estimate
 * costs no command. While Redis is away, and while no worker serves the task, there is none.
 */
export interface Estimator {
  /** For a task that would be submitted now, or, with `ahead`, for one that waits with so many before it in its queue. */
  estimate(task: PlannedTask): Promise<Estimate | undefined>;
  /** What to submit a task with: how much work it is, and when it is expected to be done, with those before it in its batch. */
  submission(
    request: PricedRequest,
    before?: readonly PricedRequest[],
  ): Promise<Pick<NewTask, 'cost' | 'expectedMs'>>;
  /** These wait now: whoever asks before the queue is looked at again has them before him. */
  admitted(requests: readonly PricedRequest[]): void;
  /** Seconds until the queue is shorter than `maxLength` by a tenth, 5 to 600: what a refused caller is told. */
  secondsUntilRoom(maxLength: number): Promise<number>;
  /** @throws when Redis is away. */
  fleet(): Promise<FleetState>;
}

/** What of a request decides how long it takes, and how long it waits. */
export interface PricedRequest {
  priority: Priority;
  /** Seconds. */
  duration: number;
}

export interface EstimatorOptions {
  monitor: Pick<QueueMonitor, 'backlog' | 'workers' | 'performance'>;
  /** How old what it knows of the queue may be. */
  refreshMs?: number;
}

/** Workers renew their entry every 20 s, and the statistics of an hour change slowly. */
const workersLastMs = 5_000;
const speedLastsMs = 5_000;
const deadlineMs = 1_000;

export function createEstimator({ monitor, refreshMs = 1_000 }: EstimatorOptions): Estimator {
  const workers = cached({
    load: async () => (await monitor.workers()).map(liveWorker),
    lastsMs: Math.min(refreshMs * 5, workersLastMs),
    deadlineMs,
  });
  const measuredSpeed = cached({
    load: () => latestSpeed(monitor),
    // The first task that is done tells more than any later one.
    lastsMs: (speed) => Math.min(speed === undefined ? refreshMs : refreshMs * 5, speedLastsMs),
    deadlineMs,
  });
  const fleet = cached({ load: look, lastsMs: refreshMs, deadlineMs });
  let latest: FleetState | undefined;

  async function look(): Promise<FleetState> {
    const [backlog, live, speed] = await Promise.all([monitor.backlog(), workers(), measuredSpeed()]);
    const outlook = outlookOf({ backlog, workers: live, measuredSpeed: speed });
    const waiting = Object.values(backlog.waiting).reduce((sum, { tasks }) => sum + tasks, 0);
    latest = { workers: live, outlook, processing: backlog.processing, waiting, slotSpeed: speed };
    return latest;
  }

  async function foreseen(task: PlannedTask) {
    const state = await fleet().catch(() => undefined);
    return state && foresee(state.outlook, task);
  }

  return {
    fleet,

    async submission({ priority, duration }, before = []) {
      const foresight = await foreseen({ priority, seconds: duration, besides: workOf(before) });
      const cost = costOf(duration);
      return foresight === undefined
        ? { cost }
        : { cost, expectedMs: Math.round(foresight.finishesIn * 1000) };
    },

    admitted(requests) {
      if (latest === undefined) return;
      for (const { priority, duration } of requests) {
        latest.waiting += 1;
        latest.outlook.waiting[priority].tasks += 1;
        latest.outlook.waiting[priority].seconds += duration;
      }
    },

    async estimate(task) {
      const foresight = await foreseen(task);
      if (foresight === undefined) return undefined;
      const now = Date.now();
      return {
        startAt: Math.round(now + foresight.startsIn * 1000),
        finishAt: Math.round(now + foresight.finishesIn * 1000),
      };
    },

    async secondsUntilRoom(maxLength) {
      const state = await fleet().catch(() => undefined);
      return state === undefined ? leastPauseSeconds : untilRoom(state, maxLength);
    },
  };
}

function workOf(requests: readonly PricedRequest[]): Work {
  return { tasks: requests.length, seconds: requests.reduce((sum, { duration }) => sum + duration, 0) };
}

/** The last minute, as machines get busier and idler; where too little was done in it, the last five, or the last hour. */
const speedWindowsMs = [60_000, 300_000, 3_600_000];
const enoughTasks = 5;

/** What one slot made lately, in seconds of audio in a second; undefined when it made nothing. */
async function latestSpeed(monitor: EstimatorOptions['monitor']): Promise<number | undefined> {
  let latest: number | undefined;
  for (const windowMs of speedWindowsMs) {
    const { completed, costPerSecond } = await monitor.performance(windowMs);
    latest = costPerSecond === undefined ? undefined : audioSecondsOf(costPerSecond);
    if (completed >= enoughTasks) break;
  }
  return latest;
}

const leastPauseSeconds = 5;
const longestPauseSeconds = 600;
/** Refused callers come back spread over this much more and less than the estimate. */
const jitter = 0.2;

function untilRoom({ outlook, waiting }: FleetState, maxLength: number): number {
  const audioSeconds = Object.values(outlook.waiting).reduce((sum, { seconds }) => sum + seconds, 0);
  const excess = waiting - 0.9 * maxLength;
  const speed = totalSpeed(outlook.slots);
  if (waiting === 0 || excess <= 0) return leastPauseSeconds;
  const seconds = speed > 0 ? ((audioSeconds / waiting) * excess) / speed : longestPauseSeconds;
  const spread = seconds * (1 - jitter + 2 * jitter * Math.random());
  return Math.ceil(Math.min(longestPauseSeconds, Math.max(leastPauseSeconds, spread)));
}
