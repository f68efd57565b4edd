import { type Priority, priorityNames } from '@musicgen/contract';
import { returnedConsumer, workersGroup } from '../keys.ts';
import type { QueueContext } from './context.ts';
import { isReplyError } from './groups.ts';

/** A work stream beside the index of what waits in it. */
export interface StreamState {
  priority: Priority;
  /** Whether its consumer group exists; without one no worker can claim from it. */
  hasGroup: boolean;
  entries: number;
  /** Tasks without an entry, which no worker would find: what waits and runs, less the entries. */
  missing: number;
}

/**
 * Looks at every work stream, each at one moment.
 * @throws the reply of Redis where something else lies under a key of the queue
 */
export function readStreamStates(context: QueueContext): Promise<StreamState[]> {
  return Promise.all(priorityNames.map((priority) => readStreamState(context, priority)));
}

async function readStreamState({ redis, keys }: QueueContext, priority: Priority): Promise<StreamState> {
  const stream = keys.stream(priority);
  const replies = await redis
    .multi()
    .xlen(stream)
    .zcard(keys.waiting(priority))
    .xpending(stream, workersGroup)
    .exec();
  const [entries, waiting, pending] = (replies ?? []).map(([error, reply]) => {
    if (error && !isReplyError(error, 'NOGROUP')) throw error;
    return reply;
  }) as [number, number, PendingSummary | undefined];
  const running = pending === undefined ? 0 : heldByWorkers(pending);
  return {
    priority,
    hasGroup: pending !== undefined,
    entries,
    missing: Math.max(0, waiting + running - entries),
  };
}

type PendingSummary = [
  count: number,
  first: string,
  last: string,
  [consumer: string, entries: string][] | null,
];

/** What was given back waits again, and is in the index. */
function heldByWorkers([, , , consumers]: PendingSummary): number {
  const held = (consumers ?? []).filter(([consumer]) => consumer !== returnedConsumer);
  return held.reduce((sum, [, entries]) => sum + Number(entries), 0);
}
