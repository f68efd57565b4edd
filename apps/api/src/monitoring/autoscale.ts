import type { FleetState } from '../estimate/estimator.ts';
import { totalSpeed } from '../estimate/foresee.ts';

export interface AutoscaleOptions {
  /** The wait that a fleet of the desired size would leave what waits now. */
  targetWaitSeconds: number;
}

/** The answer's fields, without the words of HTTP. */
export interface Autoscale {
  queued: number;
  processing: number;
  workers: number;
  slots: number;
  backlog_seconds: number;
  desired_replicas: number;
  reason: string;
}

/**
 * How many workers there should be: as many as would be done with everything that waits and runs within the target
 * wait, and at least as many as the running tasks occupy, because a scaler cannot choose the idle ones to stop.
 * Counts work, not entries of a stream, so that running tasks count and no lost consumer group stops the scaling.
 */
export function autoscale(state: FleetState, { targetWaitSeconds }: AutoscaleOptions): Autoscale {
  const fleet = measure(state);
  const { queued, processing, workers, slots, audioSeconds, slotSpeed } = fleet;
  const slotsEach = workers === 0 ? 1 : slots / workers;
  const backlogSeconds = audioSeconds / (slotSpeed * Math.max(1, slots));
  const forWork = audioSeconds / (slotSpeed * slotsEach * targetWaitSeconds);
  const forRunning = processing / slotsEach;
  const desired = Math.ceil(Math.max(forWork, forRunning, queued > 0 ? 1 : 0));
  return {
    queued,
    processing,
    workers,
    slots,
    backlog_seconds: Math.round(backlogSeconds * 10) / 10,
    desired_replicas: desired,
    reason: reasonOf({ ...fleet, desired, forWork, forRunning, targetWaitSeconds }),
  };
}

/** The advice where tasks run inside the process that is asked: what there is, is all that there can be. */
export function ofOneProcess(advice: Autoscale): Autoscale {
  const reason =
    'Tasks run inside this one process, and no worker can join it; a fleet needs USE_ADVANCED_REDIS=true.';
  return { ...advice, desired_replicas: 1, reason };
}

/** Seconds of audio a slot makes in a second where none has ever been measured. */
const presumedSpeed = 1;

function measure({ workers, outlook, processing, slotSpeed }: FleetState) {
  const working = workers.filter(({ draining }) => !draining);
  const slots = working.reduce((sum, worker) => sum + worker.slots, 0);
  const waiting = Object.entries(outlook.waiting).filter(
    ([priority]) => !outlook.paused.some((paused) => paused === priority),
  );
  const waitingSeconds = waiting.reduce((sum, [, { seconds }]) => sum + seconds, 0);
  const runningSeconds = outlook.slots.reduce(
    (sum, { count, speed, freeIn }) => sum + count * speed * freeIn,
    0,
  );
  const known = outlook.slots.reduce((sum, { count }) => sum + count, 0);
  return {
    queued: waiting.reduce((sum, [, { tasks }]) => sum + tasks, 0),
    processing,
    workers: working.length,
    slots,
    audioSeconds: waitingSeconds + runningSeconds,
    slotSpeed: known > 0 ? totalSpeed(outlook.slots) / known : (slotSpeed ?? presumedSpeed),
    measured: known > 0 || slotSpeed !== undefined,
  };
}

interface ReasonFacts extends ReturnType<typeof measure> {
  desired: number;
  forWork: number;
  forRunning: number;
  targetWaitSeconds: number;
}

function reasonOf({ queued, processing, measured, desired, forWork, forRunning, ...facts }: ReasonFacts) {
  if (queued + processing === 0) return 'Nothing waits and nothing runs.';
  const speed = measured ? '' : ' at a presumed speed, as none has been measured yet';
  const work = `${Math.round(facts.audioSeconds)} s of audio within ${facts.targetWaitSeconds} s need ${desired}${speed}.`;
  return forRunning > forWork ? `What runs, ${processing} in all, occupies ${desired}.` : work;
}
