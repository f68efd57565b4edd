import type { TaskStatus } from '@musicgen/contract';
import { webhooksGroup } from '../keys.ts';
import type { OutboxEntry, OutboxReader, OutboxReaderOptions } from '../outbox.ts';
import { fieldsFromReply } from '../task-record.ts';
import { createBlockingConnection } from './blocking-connection.ts';
import type { QueueContext } from './context.ts';
import { isReplyError } from './groups.ts';

/** The longest block on the outbox; a dead connection is noticed after it. */
const maxBlockMs = 5_000;

/** What Redis answers for an entry; of one that is gone there are no fields. */
type StreamEntry = [id: string, fields: string[] | null];

export function createOutboxReader(context: QueueContext, options: OutboxReaderOptions): OutboxReader {
  const { redis, keys, events } = context;
  const { consumerName, takeOverMs } = options;
  const connection = createBlockingConnection({ redis, role: 'outbox', events });
  /** Where the next look for what was left by others goes on; one page each time bounds the call. */
  let cursor = '0-0';

  async function takeOver(limit: number): Promise<OutboxEntry[]> {
    const args = [keys.outbox, webhooksGroup, consumerName, takeOverMs, cursor, 'COUNT', limit] as const;
    const [next, entries] = (await redis.xautoclaim(...args)) as [string, StreamEntry[]];
    cursor = next;
    return entries.flatMap(toEntry);
  }

  async function readNew(limit: number): Promise<OutboxEntry[]> {
    const args = ['GROUP', webhooksGroup, consumerName, 'COUNT', limit, 'STREAMS', keys.outbox, '>'] as const;
    return entriesOf(await redis.xreadgroup(...args));
  }

  async function waitForNew(limit: number, blockMs: number): Promise<OutboxEntry[]> {
    const group = ['GROUP', webhooksGroup, consumerName, 'COUNT', limit] as const;
    return entriesOf(
      await connection.run(blockMs, (client) =>
        client.xreadgroup(...group, 'BLOCK', blockMs, 'STREAMS', keys.outbox, '>'),
      ),
    );
  }

  /** Runs a read, and again once the group is made where it is missing. From 0: what is told already counts too. */
  async function withGroup<Value>(read: () => Promise<Value>): Promise<Value> {
    try {
      return await read();
    } catch (error) {
      if (!isReplyError(error, 'NOGROUP')) throw error;
      await redis.xgroup('CREATE', keys.outbox, webhooksGroup, '0', 'MKSTREAM').catch((refused: unknown) => {
        if (!isReplyError(refused, 'BUSYGROUP')) throw refused;
      });
      return await read();
    }
  }

  async function readAtOnce(limit: number): Promise<OutboxEntry[]> {
    const left = await takeOver(limit);
    return left.length > 0 ? left : await readNew(limit);
  }

  return {
    async read(limit, { waitMs, signal } = { waitMs: 0 }) {
      const found = await withGroup(() => readAtOnce(limit));
      if (found.length > 0 || waitMs < 1 || signal?.aborted) return found;
      signal?.addEventListener('abort', connection.interrupt, { once: true });
      try {
        return await withGroup(() => waitForNew(limit, Math.min(waitMs, maxBlockMs)));
      } catch (error) {
        // What was on its way is unacknowledged and comes again.
        if (signal?.aborted) return [];
        throw error;
      } finally {
        signal?.removeEventListener('abort', connection.interrupt);
      }
    },

    async acknowledge(ids) {
      if (ids.length === 0) return;
      await redis
        .multi()
        .xack(keys.outbox, webhooksGroup, ...ids)
        .xdel(keys.outbox, ...ids)
        .exec();
    },

    async close() {
      connection.close();
    },
  };
}

function entriesOf(reply: unknown): OutboxEntry[] {
  const [stream] = (reply ?? []) as [key: string, entries: StreamEntry[]][];
  return (stream?.[1] ?? []).flatMap(toEntry);
}

function toEntry([id, reply]: StreamEntry): OutboxEntry[] {
  const { id: taskId, status, at, notify } = fieldsFromReply(reply ?? []);
  if (taskId === undefined || status === undefined || notify === undefined) return [];
  return [{ id, taskId, status: status as TaskStatus, at: Number(at), notify }];
}
