import { redisFailure, ServiceError } from '@musicgen/contract';

/** For `catch`: a failed command, in the words of the closed list. */
export function redisUnavailable(error: unknown): never {
  throw new ServiceError(redisFailure(error), 'Redis did not answer about webhooks', { cause: error });
}
