import { ServiceError } from '@musicgen/contract';

export interface CacheOptions<Value> {
  load: () => Promise<Value>;
  /** How old an answer may be, whatever it is or by what it is. */
  lastsMs: number | ((value: Value) => number);
  /** A load that takes longer counts as failed for those who wait for it. */
  deadlineMs: number;
}

/**
 * Answers with what was loaded a moment ago, or loads it: one load at a time however many ask. A failure is not kept.
 */
export function cached<Value>({ load, lastsMs, deadlineMs }: CacheOptions<Value>): () => Promise<Value> {
  let loading: Promise<Value> | undefined;
  let goodUntil = 0;
  let isLoaded = false;

  function reload(): Promise<Value> {
    const started = load();
    loading = started;
    goodUntil = Number.POSITIVE_INFINITY;
    isLoaded = false;
    started.then(
      (value) => {
        goodUntil = performance.now() + (typeof lastsMs === 'number' ? lastsMs : lastsMs(value));
        isLoaded = true;
      },
      () => {
        if (loading === started) loading = undefined;
      },
    );
    return started;
  }

  return () => {
    const value = loading !== undefined && performance.now() < goodUntil ? loading : reload();
    return isLoaded ? value : withinDeadline(value, deadlineMs);
  };
}

/**
 * The value, or an error when it does not come in time. That passes in two halves: when this process or the whole machine
 * stood still for longer, what was asked for just before has the second half to come.
 * @throws ServiceError `dependency_unavailable` after `deadlineMs`.
 */
export async function withinDeadline<Value>(value: Promise<Value>, deadlineMs: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = () =>
      new ServiceError('dependency_unavailable', `There was no answer within ${deadlineMs} ms.`);
    const enterSecondHalf = () => {
      timer = setTimeout(() => reject(error()), deadlineMs / 2).unref();
    };
    timer = setTimeout(enterSecondHalf, deadlineMs / 2).unref();
  });
  try {
    return await Promise.race([value, late]);
  } finally {
    clearTimeout(timer);
  }
}
