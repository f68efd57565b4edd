import type { TaskResult } from '@musicgen/contract';

/** How long a piece takes once its last frame is made: decoding, encoding and storing. */
export interface FinishingTime {
  /** Milliseconds for a piece of so many frames, by those before it; 0 before the first. */
  msFor(frames: number): number;
  observe(result: Pick<TaskResult, 'frames' | 'timings'>): void;
}

/** The weight of the latest piece: enough to follow a machine that gets busier. */
const latestWeight = 0.3;
/** What a worker does behind the last frame, by the names of a result's timings. */
const stagesBehind = ['decoding', 'encoding_audio', 'storing'] as const;

export function createFinishingTime(): FinishingTime {
  let msPerFrame: number | undefined;
  return {
    msFor: (frames) => (msPerFrame ?? 0) * frames,
    observe({ frames, timings }) {
      if (frames === 0) return;
      const seconds = stagesBehind.reduce((sum, stage) => sum + (timings[stage] ?? 0), 0);
      const latest = (seconds * 1000) / frames;
      msPerFrame = msPerFrame === undefined ? latest : msPerFrame + (latest - msPerFrame) * latestWeight;
    },
  };
}
