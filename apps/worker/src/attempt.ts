import type { TaskStage } from '@musicgen/contract';
import type { Claim, Heartbeat, TaskProgress } from '@musicgen/queue';
import type { FinishingTime } from './finishing-time.ts';

/** Why an attempt is to stop before it is done. */
type StopReason = 'cancel' | 'lost' | 'yield' | 'drain';

/** One claimed task while this worker works on it: what to tell the queue about it, and how to stop it. */
export interface Attempt {
  claim: Claim;
  signal: AbortSignal;
  /** Whether it must not share the engine: an earlier attempt failed or took its worker along. */
  isAlone: boolean;
  stop(reason: StopReason): void;
  stopReason(): StopReason | undefined;
  report(news: { stage?: TaskStage; progress?: TaskProgress; checkpoint?: Buffer }): void;
  hasNews(): boolean;
  /** What to put on the next heartbeat; the news is then told. */
  beat(): Heartbeat;
  /** How long it has run. */
  runSeconds(): number;
  /** The last checkpoint, to be handed back with the task. */
  checkpoint(): Buffer | undefined;
  /** Milliseconds to the end of the attempt, at its own speed; undefined while that is unknown. */
  remainingMs(): number | undefined;
}

/** Heartbeats come with every bit of progress, but a checkpoint of a long piece weighs 100 kB. */
const checkpointEveryMs = 10_000;

export function createAttempt(claim: Claim, finishing: FinishingTime): Attempt {
  const controller = new AbortController();
  const startedAt = performance.now();
  const known: { stage?: TaskStage; progress?: TaskProgress } = {};
  let checkpoint: Buffer | undefined;
  let checkpointSentAt = Date.now();
  /** The first report of this attempt: frames before it were made by another. */
  let first: { frame: number; at: number } | undefined;
  let latestAt = 0;
  let reason: StopReason | undefined;
  let news = false;

  function remainingMs(): number | undefined {
    const { frame = 0, frames = 0 } = known.progress ?? {};
    if (first === undefined || frame <= first.frame) return undefined;
    const generatingMs = ((latestAt - first.at) * (frames - frame)) / (frame - first.frame);
    return Math.max(0, generatingMs + finishing.msFor(frames) - (Date.now() - latestAt));
  }

  /** The checkpoint, when the queue has not had one for long enough. */
  function dueCheckpoint(): Buffer | undefined {
    if (Date.now() - checkpointSentAt < checkpointEveryMs) return undefined;
    checkpointSentAt = Date.now();
    return checkpoint;
  }

  return {
    claim,
    signal: controller.signal,
    // A hand-back is charged to neither.
    isAlone: claim.task.attempt > 1 || claim.task.stalls > 0,
    stop(why) {
      reason ??= why;
      controller.abort();
    },
    stopReason: () => reason,
    report({ checkpoint: latest, ...rest }) {
      Object.assign(known, rest);
      checkpoint = latest ?? checkpoint;
      if (rest.stage === 'generating' && rest.progress) {
        latestAt = Date.now();
        first ??= { frame: rest.progress.frame, at: latestAt };
      }
      news = true;
    },
    hasNews: () => news,
    beat() {
      news = false;
      const progress = known.progress && { ...known.progress, remainingMs: remainingMs() };
      return { claim, ...known, progress, checkpoint: dueCheckpoint() };
    },
    runSeconds: () => (performance.now() - startedAt) / 1000,
    checkpoint: () => checkpoint,
    remainingMs,
  };
}
