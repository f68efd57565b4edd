const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** What Standard Webhooks recommends, to a bit more than a day: a receiver may be away over night. */
const pausesMs = [5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour];

/** How often a delivery is attempted before it is a dead letter. */
export const maxDeliveryAttempts = pausesMs.length + 1;

const longestAskedForMs = 24 * hour;

export interface RetryOptions {
  /** How many attempts there have been, the failed one included. */
  attempts: number;
  /** What the receiver asked for. */
  retryAfterSeconds?: number;
  /** Uniform in [0, 1). */
  random?: () => number;
}

/**
 * How long to wait after a failed attempt, or nothing when it was the last. Spread by ±10 %, so that what failed together
 * does not come back together; never sooner than the receiver asked, up to a day.
 */
export function retryPauseMs({
  attempts,
  retryAfterSeconds = 0,
  random = Math.random,
}: RetryOptions): number | undefined {
  const pauseMs = pausesMs[attempts - 1];
  if (pauseMs === undefined) return undefined;
  const spread = Math.round(pauseMs * (0.9 + 0.2 * random()));
  return Math.max(spread, Math.min(longestAskedForMs, retryAfterSeconds * second));
}
