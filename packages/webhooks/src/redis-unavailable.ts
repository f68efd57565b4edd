import { ServiceError } from '@musicgen/contract';

/** For `catch`: a failed command, in the words of the closed list. */
export function redisUnavailable(error: unknown): never {
  throw new ServiceError('dependency_unavailable', 'Redis did not answer about webhooks', { cause: error });
}
