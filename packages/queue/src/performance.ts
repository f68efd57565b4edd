import { countOf, meanMs, percentileMs, type Tally } from './tally.ts';

/** How a fleet did over a window of time. */
export interface Performance {
  meanProcessingMs: number | undefined;
  p50ProcessingMs: number | undefined;
  p95ProcessingMs: number | undefined;
  p99ProcessingMs: number | undefined;
  p50WaitingMs: number | undefined;
  p95WaitingMs: number | undefined;
  /** Completed of all that were finished. Undefined, as the rest, when there was nothing to measure. */
  successRate: number | undefined;
  /** Attempts that led to a retry, of all that ended with a verdict. */
  retryRate: number | undefined;
  /** What ended in the window without being cancelled. */
  completed: number;
  failed: number;
  expired: number;
  completedPerMinute: number;
  /** The cost of what was completed for each second that an attempt took: how fast one slot of the fleet works. */
  costPerSecond: number | undefined;
}

/** Reads it from what was counted in the window. */
export function performanceOf(tally: Tally, windowMs: number): Performance {
  const completed = countOf(tally, 'completed');
  const failed = countOf(tally, 'failed');
  const retried = countOf(tally, 'retried');
  const expired = countOf(tally, 'expired');
  const finished = completed + failed + expired;
  const attempts = completed + failed + retried;
  return {
    meanProcessingMs: meanMs(tally, 'completed'),
    p50ProcessingMs: percentileMs(tally, 'completed', 0.5),
    p95ProcessingMs: percentileMs(tally, 'completed', 0.95),
    p99ProcessingMs: percentileMs(tally, 'completed', 0.99),
    p50WaitingMs: percentileMs(tally, 'claimed', 0.5),
    p95WaitingMs: percentileMs(tally, 'claimed', 0.95),
    successRate: finished === 0 ? undefined : completed / finished,
    retryRate: attempts === 0 ? undefined : retried / attempts,
    completed,
    failed,
    expired,
    completedPerMinute: completed / (windowMs / 60_000),
    costPerSecond: speedOf(tally.get('completed_cost') ?? 0, tally.get('completed_ms') ?? 0),
  };
}

function speedOf(cost: number, tookMs: number): number | undefined {
  return cost > 0 && tookMs > 0 ? cost / (tookMs / 1000) : undefined;
}
