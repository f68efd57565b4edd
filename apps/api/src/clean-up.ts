import { toServiceError } from '@musicgen/contract';
import type { Janitor, Recoverer } from '@musicgen/queue';

export interface CleanUpReport {
  recovered: number;
  expired: number;
  removed: number;
}

/** However much there is to do, an operator hears after so long how much of it is done; the rest is done anyway. */
const mostMs = 10_000;

/** What maintenance does every few seconds, now. @throws ServiceError `dependency_unavailable`. */
export function createCleanUp({ recoverer, janitor }: { recoverer: Recoverer; janitor: Janitor }) {
  return async (closing: AbortSignal): Promise<CleanUpReport> => {
    const signal = AbortSignal.any([closing, AbortSignal.timeout(mostMs)]);
    try {
      const recovered = await recoverer.recover(signal);
      return { recovered, ...(await janitor.clean(signal)) };
    } catch (error) {
      throw toServiceError(error, 'dependency_unavailable');
    }
  };
}
