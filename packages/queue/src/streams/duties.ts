import { toServiceError } from '@musicgen/contract';
import { every, type Loop } from '../every.ts';
import type { QueueContext } from './context.ts';

export interface DutiesOptions {
  /** Of the turn they share. */
  name: string;
  intervalMs: number;
  duties: Record<string, (signal: AbortSignal) => Promise<unknown>>;
}

/**
 * Runs background duties one after the other, again and again. Whatever the size of the fleet, about one process
 * takes each turn: the first to set a key that lasts almost the interval. That key is no lock. Nobody waits for its
 * holder, and two processes that do a duty at once do no harm.
 */
export function startDuties(context: QueueContext, { name, intervalMs, duties }: DutiesOptions): Loop {
  const { redis, keys, events } = context;
  const report = (duty: string) => (error: unknown) =>
    events.emit('duty:failed', { duty, error: toServiceError(error) });

  async function turnIsOurs(): Promise<boolean> {
    const held = await redis.set(keys.turn(name), 1, 'PX', Math.ceil(intervalMs * 0.8), 'NX');
    return held === 'OK';
  }

  return every({
    intervalMs,
    async run(signal) {
      if (!(await turnIsOurs())) return;
      for (const [duty, run] of Object.entries(duties)) {
        if (!signal.aborted) await run(signal).catch(report(duty));
      }
    },
    onError: report(name),
  });
}
