import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Priority, priorityNames, toServiceError } from '@musicgen/contract';
import { type BackoffOptions, fullJitterMs } from '../backoff.ts';
import type { DiscardReason } from '../queue-events.ts';
import type { Claim, TaskConsumer } from '../task-queue.ts';
import { failureToText, fieldsFromReply, recordFromFields } from '../task-record.ts';
import { createBlockingConnection, withinDeadline } from './blocking-connection.ts';
import { createCancelListener } from './cancel-listener.ts';
import type { QueueContext } from './context.ts';
import { runWithGroups } from './groups.ts';
import { renewLeases } from './lease.ts';
import { createPresence } from './presence.ts';
import type { RedisClient } from './redis-client.ts';
import { acknowledgeCancelScript } from './scripts/acknowledge-cancel.lua.ts';
import { buryScript } from './scripts/bury.lua.ts';
import { claimScript } from './scripts/claim.lua.ts';
import { completeScript } from './scripts/complete.lua.ts';
import { failScript } from './scripts/fail.lua.ts';
import { handBackScript } from './scripts/hand-back.lua.ts';
import { removeConsumerScript } from './scripts/remove-consumer.lua.ts';
import { returnOrphansScript } from './scripts/return-orphans.lua.ts';
import { wakeScript } from './scripts/wake.lua.ts';

/** The longest block on the bells; bounds what a lost wake-up costs. */
const maxBlockMs = 5_000;
/** How long a wait pauses after its connection broke. */
const reconnectPauseMs = 500;
/** A worker that stops while Redis is away does not wait for it. */
const closeTimeoutMs = 1_000;

export interface ConsumerOptions {
  /** Unique for every start of a worker process: what an earlier process held is recovered, not inherited. */
  workerId: string;
  /** What the worker takes. */
  priorities: readonly Priority[];
  /** The backoff before a failed task's next attempt. */
  retry: BackoffOptions;
  /** A queue whose oldest task has waited n times this long counts n levels higher. 0: never. */
  ageingMs: number;
}

type ClaimReply = [
  outcome: 'claimed' | 'empty' | 'again',
  discarded: string[],
  id: string,
  hasCheckpoint: number,
  fields: string[],
];

export function createConsumer(context: QueueContext, options: ConsumerOptions): TaskConsumer {
  const { redis, keys, events, run } = context;
  const { workerId, retry, ageingMs } = options;
  const priorities = priorityNames.filter((priority) => options.priorities.includes(priority));
  const bells = createBlockingConnection({ redis, role: 'bells', events });
  const cancellations = createCancelListener(context);
  const presence = createPresence(context, workerId);
  const connection = countConnections(redis);

  async function claim(): Promise<Claim | undefined> {
    presence.touch();
    const token = randomBytes(12).toString('base64url');
    const sentOn = connection.count();
    const reply = await runWithGroups(context, claimScript, [workerId, token, ageingMs, ...priorities]);
    const [outcome, discarded, id, hasCheckpoint, fields] = reply as ClaimReply;
    if (connection.count() !== sentOn) await run(returnOrphansScript, [workerId, token, id ?? '']);
    reportDiscarded(discarded);
    if (outcome === 'again') return claim();
    if (outcome === 'empty') return undefined;
    try {
      const task = recordFromFields(id, fieldsFromReply(fields));
      const checkpoint = hasCheckpoint === 1 ? await redis.getBuffer(keys.checkpoint(id)) : null;
      return { task, token, ...(checkpoint !== null && { checkpoint }) };
    } catch (error) {
      await buryUnreadable(id, token, error);
      return claim();
    }
  }

  function reportDiscarded(discarded: readonly string[]): void {
    for (let index = 0; index + 2 < discarded.length; index += 3) {
      const [priority, taskId, reason] = discarded.slice(index, index + 3) as [
        Priority,
        string,
        DiscardReason,
      ];
      events.emit('entry:discarded', { priority, taskId, reason });
    }
  }

  async function buryUnreadable(id: string, token: string, thrown: unknown): Promise<void> {
    const error = toServiceError(thrown);
    if (error.code !== 'corrupt_record') throw error;
    await run(buryScript, [id, token, failureToText({ code: error.code, detail: error.message })]);
  }

  /**
   * Only tidiness: what is left of a worker that could not do it, the janitor removes. It knows workers by the
   * registry, so that comes last.
   */
  async function leaveFleet(): Promise<void> {
    for (const priority of priorities) {
      if ((await run(removeConsumerScript, [priority, workerId])) === 0) return;
    }
    await presence.leave();
  }

  /** A worker that stops may just have been woken for a task, or its connection may be; another must take that. */
  async function passWakeUpOn(): Promise<void> {
    await withinDeadline(closeTimeoutMs, run(wakeScript, priorities)).catch(() => {});
  }

  return {
    claim,

    async waitForTask(timeoutMs, signal) {
      if (signal.aborted || timeoutMs < 1) return;
      const blockMs = Math.min(timeoutMs, maxBlockMs);
      signal.addEventListener('abort', bells.interrupt, { once: true });
      try {
        await bells.run(blockMs, (connection) =>
          connection.blpop(...priorities.map(keys.bell), blockMs / 1000),
        );
      } catch {
        // Reported by the connection's own event. The pause keeps a worker from turning idly while Redis is away.
        await delay(Math.min(blockMs, reconnectPauseMs), undefined, { signal }).catch(() => {});
      } finally {
        signal.removeEventListener('abort', bells.interrupt);
      }
      if (signal.aborted) await passWakeUpOn();
    },

    heartbeat(beats) {
      presence.touch();
      return renewLeases(context, workerId, beats);
    },

    describe: presence.describe,
    onDrainRequested: presence.onDrainRequested,
    onCancelRequested: (listener) => cancellations.listen(listener),

    async complete({ task, token }, result) {
      const reply = await run(completeScript, [task.id, token, JSON.stringify(result), task.updatedAt]);
      return reply as 'completed' | 'lost';
    },

    async fail({ task, token }, { retryable, ...failure }) {
      const delayMs = retryable ? fullJitterMs(task.attempt, retry) : '';
      const reply = await run(failScript, [task.id, token, failureToText(failure), delayMs]);
      return reply as 'retrying' | 'failed' | 'cancelled' | 'lost';
    },

    async acknowledgeCancel({ task, token }) {
      return (await run(acknowledgeCancelScript, [task.id, token])) as 'cancelled' | 'lost';
    },

    async handBack({ task, token }, checkpoint) {
      const reply = await run(handBackScript, [task.id, token, checkpoint ?? '']);
      return reply as 'returned' | 'cancelled' | 'lost';
    },

    async close() {
      bells.close();
      cancellations.close();
      connection.stop();
      await withinDeadline(closeTimeoutMs, leaveFleet()).catch(() => {});
    },
  };
}

/**
 * Tells whether a command may have been sent twice: the client does that when its connection breaks in between. On a
 * cluster it does not say so, and what such a claim took comes back when its lease lapses.
 */
function countConnections(redis: RedisClient) {
  let broken = 0;
  const onClose = () => {
    broken += 1;
  };
  redis.on('close', onClose);
  return { count: () => broken, stop: () => redis.off('close', onClose) };
}
