import { redisFailure, ServiceError, toServiceError } from '@musicgen/contract';

/** What Redis or ioredis says, and what it means to whoever asked. */
const meanings: [said: RegExp, meaning: string][] = [
  [/^OOM/, 'its memory is full'],
  [/^NOREPLICAS/, 'it has too few replicas to write'],
  [/isn't writeable|Connection is closed|ECONN/, 'it is away'],
];

/** A failed command as `dependency_unavailable`, or `redis_full`, in one sentence: "Redis could not admit the task: it is away". */
export function redisUnavailable(attempted: string, error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  const { message } = toServiceError(error);
  const meaning = meanings.find(([said]) => said.test(message))?.[1] ?? message;
  return new ServiceError(redisFailure(error), `Redis could not ${attempted}: ${meaning}`, {
    cause: error,
  });
}

/**
 * The same calls, each of which fails with `dependency_unavailable` or `redis_full` when Redis does. What a caller or we did wrong stays
 * what it is.
 */
export function answering<Calls extends object>(attempted: string, calls: Calls): Calls {
  const guarded = Object.entries(calls).map(([name, call]) => [
    name,
    (...args: unknown[]) =>
      call(...args).catch((error: unknown) => {
        if (error instanceof RangeError || error instanceof TypeError) throw error;
        throw redisUnavailable(attempted, error);
      }),
  ]);
  return Object.fromEntries(guarded);
}
