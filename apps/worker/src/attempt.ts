import type { TaskStage } from '@musicgen/contract';
import type { Claim, Heartbeat, TaskProgress } from '@musicgen/queue';

/** Why an attempt is to stop before it is done. */
type StopReason = 'cancel' | 'lost' | 'drain';

/** One claimed task while this worker works on it: what to tell the queue about it, and how to stop it. */
export interface Attempt {
  claim: Claim;
  signal: AbortSignal;
  stop(reason: StopReason): void;
  stopReason(): StopReason | undefined;
  report(news: { stage?: TaskStage; progress?: TaskProgress; checkpoint?: Buffer }): void;
  hasNews(): boolean;
  /** What to put on the next heartbeat; the news is then told. */
  beat(): Heartbeat;
  /** The last checkpoint, to be handed back with the task. */
  checkpoint(): Buffer | undefined;
  /** Milliseconds the piece still needs at the speed it has gone so far; 0 while that is unknown. */
  remainingMs(): number;
}

export function createAttempt(claim: Claim): Attempt {
  const controller = new AbortController();
  const startedAt = Date.now();
  const known: { stage?: TaskStage; progress?: TaskProgress; checkpoint?: Buffer } = {};
  let reason: StopReason | undefined;
  let news = false;
  return {
    claim,
    signal: controller.signal,
    stop(why) {
      reason ??= why;
      controller.abort();
    },
    stopReason: () => reason,
    report(latest) {
      Object.assign(known, latest);
      news = true;
    },
    hasNews: () => news,
    beat() {
      news = false;
      return { claim, ...known };
    },
    checkpoint: () => known.checkpoint,
    remainingMs() {
      const { frame = 0, frames = 0 } = known.progress ?? {};
      return frame > 0 ? ((Date.now() - startedAt) * (frames - frame)) / frame : 0;
    },
  };
}
