export interface BackoffOptions {
  /** Upper bound of the first delay. */
  baseMs: number;
  /** Upper bound of every delay. */
  capMs: number;
  /** Uniform in [0, 1). */
  random?: () => number;
}

/**
 * Full-jitter exponential backoff: uniform between 0 and min(cap, base · 2^(attempt − 1)), in milliseconds.
 * Whole-range jitter spreads the retries of tasks that failed together better than a jitter around the exponential:
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function fullJitterMs(
  attempt: number,
  { baseMs, capMs, random = Math.random }: BackoffOptions,
): number {
  const boundMs = Math.min(capMs, baseMs * 2 ** (Math.max(1, attempt) - 1));
  return Math.floor(random() * boundMs);
}
