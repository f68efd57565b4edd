import { type Priority, priorityNames } from '@musicgen/contract';
import type { LifecycleEntry, Recorded, RetrySeen } from '../history.ts';
import type { Settings } from '../settings.ts';
import { compareIds, ofType, type TaskHistory, type Violation } from './task-histories.ts';

export interface OrderReport {
  violations: Violation[];
  /** Claims whose order could be judged. */
  judged: number;
  /** Claims of a task that a better one had to wait for, as the ageing rule has it. */
  aged: number;
}

/** A task's place in its queue, as far as the history tells it: since when it counts as waiting, in Unix ms. */
interface Place {
  task: string;
  priority: Priority;
  earliest: number;
  latest: number;
}

interface Claimed {
  place: Place;
  at: number;
  serves: readonly Priority[];
}

/** Within one script, two streams may read the clock twice. */
const toleranceMs = 3;

/**
 * Replays all transitions in Redis's own order and asks of each claim whether something that surely waited should
 * have gone first: a task of a better level that the worker serves (a level counts one higher for every ageing period
 * waited), or an earlier one of the same queue. What comes back from a worker has kept its place.
 */
export function checkOrder(
  history: readonly Recorded[],
  tasks: Map<string, TaskHistory>,
  { ageingMs }: Settings,
): OrderReport {
  const report: OrderReport = { violations: [], judged: 0, aged: 0 };
  const places = new Map<string, Place>();
  const waiting = new Map<string, Place>();
  const served = createServed(history, tasks);

  /** Learns since when a task waits whose retry's delay is over. */
  function see({ task, score }: RetrySeen): void {
    const place = places.get(task);
    if (place === undefined || waiting.has(task) || place.latest !== Number.POSITIVE_INFINITY) return;
    place.earliest = score - toleranceMs;
    place.latest = score + toleranceMs;
    waiting.set(task, place);
  }

  function move(event: Recorded<LifecycleEntry>): void {
    const { task, priority } = event;
    if (event.event === 'created') {
      const position = positionOf(event.id);
      places.set(task, { task, priority, earliest: position, latest: position });
    }
    if (event.event === 'retrying') {
      // Back at the end of its queue at some time after the delay.
      const earliest = (event.retryAt ?? event.at) - toleranceMs;
      places.set(task, { task, priority, earliest, latest: Number.POSITIVE_INFINITY });
    }
    const place = places.get(task);
    const waits = ['created', 'returned', 'stalled'].includes(event.event);
    if (waits && place !== undefined) waiting.set(task, place);
    else if (event.status !== 'pending' || event.event === 'retrying') waiting.delete(task);
  }

  function judge(claimed: Claimed): void {
    report.judged += 1;
    const passedOver = [...waiting.values()].filter(({ priority }) => claimed.serves.includes(priority));
    const wronged = passedOver.find((other) => goesFirst(other, claimed, ageingMs));
    if (wronged !== undefined) {
      const { task, priority } = claimed.place;
      const detail = `${priority} was claimed while ${wronged.priority} task ${wronged.task} waited for ${Math.round(claimed.at - wronged.latest)} ms`;
      report.violations.push({ kind: 'order', task, detail });
    } else if (passedOver.some(({ priority }) => levelOf(priority) > levelOf(claimed.place.priority))) {
      report.aged += 1;
    }
  }

  for (const event of inRedisOrder(history)) {
    if (event.type === 'retry:seen') {
      see(event);
      continue;
    }
    if (event.event === 'claimed') {
      waiting.delete(event.task);
      const place = places.get(event.task);
      if (place !== undefined) judge({ place, at: event.at, serves: served(event) });
    }
    move(event);
  }
  return report;
}

/** Whether a waiting task surely had to be claimed before this one, whatever the history leaves open. */
function goesFirst(other: Place, { place, at }: Claimed, ageingMs: number): boolean {
  if (other.priority === place.priority) return other.latest < place.earliest;
  const aged = (since: number, until: number) => Math.max(0, Math.floor((until - since) / ageingMs));
  const level = levelOf(place.priority) + aged(place.earliest, at + toleranceMs);
  const otherLevel = levelOf(other.priority) + aged(other.latest, at - toleranceMs);
  if (otherLevel !== level) return otherLevel > level;
  return levelOf(other.priority) > levelOf(place.priority);
}

function levelOf(priority: Priority): number {
  return priorityNames.length - priorityNames.indexOf(priority);
}

/** A stream id in Unix milliseconds, the sequence in the fraction. */
function positionOf(id: string): number {
  const [ms = 0, sequence = 0] = id.split('-').map(Number);
  return ms + sequence / 4096;
}

function inRedisOrder(history: readonly Recorded[]): Recorded<LifecycleEntry | RetrySeen>[] {
  const keyOf = (event: LifecycleEntry | RetrySeen) =>
    event.type === 'lifecycle' ? event.id : event.afterId;
  return [...ofType(history, 'lifecycle'), ...ofType(history, 'retry:seen')].sort(
    // Stable: what was seen after an event follows it.
    (a, b) => compareIds(keyOf(a), keyOf(b)),
  );
}

/**
 * Which queues the worker behind a claim serves. Redis's event does not name the worker; the call that was under way
 * at that moment does. Where that is open, as after a lost reply, only what every worker serves that may have been.
 */
function createServed(history: readonly Recorded[], tasks: Map<string, TaskHistory>) {
  const workers = new Map(
    ofType(history, 'worker:started').map(({ worker, priorities }) => [worker, priorities]),
  );
  const fleet = [...workers.values()];

  return ({ task, priority, at }: Recorded<LifecycleEntry>): readonly Priority[] => {
    const callers = (tasks.get(task)?.claims ?? [])
      .filter((claim) => claim.calledAt - toleranceMs <= at && at <= claim.at + toleranceMs)
      .map(({ worker }) => workers.get(worker) ?? [priority]);
    const candidates = callers.length > 0 ? callers : fleet.filter((serves) => serves.includes(priority));
    return priorityNames.filter((name) => candidates.every((serves) => serves.includes(name)));
  };
}
