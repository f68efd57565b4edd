import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Priority, priorityNames, toServiceError } from '@musicgen/contract';
import { fullJitterMs } from '../backoff.ts';
import { createHeldClaims } from '../held-claims.ts';
import { workersGroup } from '../keys.ts';
import type { DiscardReason } from '../queue-events.ts';
import type { Claim, ConsumerOptions, TaskConsumer } from '../task-queue.ts';
import {
  failureToText,
  fieldsFromReply,
  type RecordFields,
  recordFromFields,
  withContent,
} from '../task-record.ts';
import { createBlockingConnection, withinDeadline } from './blocking-connection.ts';
import { createCancelListener } from './cancel-listener.ts';
import type { QueueContext } from './context.ts';
import { renewLeases } from './lease.ts';
import { createPresence } from './presence.ts';
import type { RedisClient } from './redis-client.ts';
import { createResults } from './results.ts';
import type { ScriptArgument } from './script-runner.ts';
import { acknowledgeCancelScript } from './scripts/acknowledge-cancel.lua.ts';
import { buryScript } from './scripts/bury.lua.ts';
import { failScript } from './scripts/fail.lua.ts';
import { handBackScript } from './scripts/hand-back.lua.ts';
import { removeConsumerScript } from './scripts/remove-consumer.lua.ts';
import { returnOrphansScript } from './scripts/return-orphans.lua.ts';
import { type Script, scriptBound } from './scripts/script.ts';
import { wakeScript } from './scripts/wake.lua.ts';

/** The longest block on the bells; bounds what a lost wake-up costs. */
const maxBlockMs = 10_000;
/** How long a wait pauses after its connection broke. */
const reconnectPauseMs = 500;
/** A worker that stops while Redis is away does not wait for it. */
const closeTimeoutMs = 1_000;

/** The fields as JSON: those that the record had, then those that the claim changed. */
type TakenTask = [id: string, hasCheckpoint: number, content: string, fields: string];
type FailOutcome = 'retrying' | 'failed' | 'cancelled' | 'lost';
type ClaimReply = [
  outcome: 'done' | 'again' | 'held_back',
  discarded: string[],
  unagedUntil: string,
  ...taken: TakenTask[],
];

export function createConsumer(context: QueueContext, options: ConsumerOptions): TaskConsumer {
  const { redis, keys, events, run } = context;
  const { workerId, retry, ageingMs } = options;
  const priorities = priorityNames.filter((priority) => options.priorities.includes(priority));
  const bells = createBlockingConnection({ redis, role: 'bells', events });
  const cancellations = createCancelListener(context);
  const presence = createPresence(context, workerId);
  const connection = countConnections(redis);
  const held = createHeldClaims(options.renewEveryMs);
  const results = createResults(context);
  const nextToken = createTokens();
  /** The best task must be alone on a worker, and this one holds others. */
  let isHeldBack = false;
  /** A wait has ended without a bell: most likely there is still nothing, and then no claim is worth its price. */
  let nothingRang = false;
  /**
   * Until when no queue has aged, as the last claim said; saves the next ones a look at each. Only of that connection: behind
   * another there may be a server that has lost a claim, and with it has an old task that waits again.
   */
  let unaged = { until: '0', connection: 0 };

  async function claimUpTo(limit: number): Promise<Claim[]> {
    presence.touch();
    if (held.isTaken() || (await isIdle())) return [];
    return takeUpTo(limit);
  }

  async function isIdle(): Promise<boolean> {
    if (!nothingRang || results.count() > 0) return false;
    nothingRang = false;
    return (await redis.exists(...priorities.map(keys.waiting))) === 0;
  }

  async function takeUpTo(limit: number): Promise<Claim[]> {
    const count = Math.min(limit, scriptBound);
    const tokens = Array.from({ length: count }, nextToken);
    const sentOn = connection.count();
    const holdsSome = held.count() > results.count() ? 1 : 0;
    const unagedUntil = unaged.connection === sentOn ? unaged.until : '0';
    const args = [workerId, ageingMs, unagedUntil, count, holdsSome, ...tokens, ...priorities];
    const [outcome, discarded, until, ...taken] = (await results.claim(args)) as ClaimReply;
    isHeldBack = outcome === 'held_back';
    unaged = { until, connection: sentOn };
    if (connection.count() !== sentOn) await returnOrphans(tokens, taken);
    reportDiscarded(discarded);
    const opened = await Promise.all(taken.map((task, index) => openClaim(task, tokens[index] ?? '')));
    const claims = opened.filter((claim) => claim !== undefined);
    hold(claims);
    const moreMayWait = outcome === 'again' || (outcome === 'done' && claims.length < taken.length);
    return claims.length === 0 && moreMayWait ? takeUpTo(limit) : claims;
  }

  function hold(claims: readonly Claim[]): void {
    for (const claim of claims) held.add(claim);
    if (claims.length > 0) cancellations.attend();
  }

  /** The claim of a taken task, or nothing when its record cannot be read: then it is a dead letter. */
  async function openClaim(taken: TakenTask, token: string): Promise<Claim | undefined> {
    const [id, hasCheckpoint, content, fields] = taken;
    try {
      const task = recordFromFields(id, withContent(claimedFields(fields), content));
      const checkpoint = hasCheckpoint === 1 ? await redis.getBuffer(keys.checkpoint(id)) : null;
      return { task, token, ...(checkpoint !== null && { checkpoint }) };
    } catch (error) {
      await buryUnreadable(taken, token, error);
      return undefined;
    }
  }

  /** What a claim took that was executed twice, and this worker has not heard of. */
  async function returnOrphans(tokens: readonly string[], taken: readonly TakenTask[]): Promise<void> {
    for (const [index, token] of tokens.entries()) {
      await run(returnOrphansScript, [workerId, token, taken[index]?.[0] ?? '']);
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
      if (reason === 'expired') events.emit('task:expired', { taskId, priority });
    }
  }

  async function buryUnreadable([taskId, , , fields]: TakenTask, token: string, thrown: unknown) {
    const { code, message: detail } = toServiceError(thrown);
    if (code !== 'corrupt_record') throw thrown;
    const outcome = await run(buryScript, [taskId, token, failureToText({ code, detail })]);
    // Of the priority it was taken with, which its record names, or it would not have been taken.
    const priority = claimedFields(fields).priority as Priority;
    if (outcome === 'failed') events.emit('entry:discarded', { priority, taskId, reason: code });
  }

  /**
   * Only tidiness: what is left of a worker that could not do it, the janitor removes. It knows workers by the
   * registry, so that comes last.
   */
  async function leaveFleet(): Promise<void> {
    for (const priority of priorities) {
      if ((await run(removeConsumerScript, [keys.stream(priority), workersGroup, workerId])) === 0) return;
    }
    await presence.leave();
  }

  /** A worker that stops may just have been woken for a task, or its connection may be; another must take that. */
  async function passWakeUpOn(): Promise<void> {
    await withinDeadline(closeTimeoutMs, run(wakeScript, priorities)).catch(() => {});
  }

  async function listenToBells(blockMs: number): Promise<void> {
    const names = priorities.map(keys.bell);
    const rung = await bells.run(blockMs, (connection) => connection.blpop(...names, blockMs / 1000));
    nothingRang = rung === null;
    if (nothingRang && held.count() === 0) cancellations.rest();
  }

  /** Sends what ends an attempt. Whatever comes of it, this process works on the task no more. */
  async function end(claim: Claim, script: Script, args: readonly ScriptArgument[]): Promise<unknown> {
    try {
      return await run(script, [claim.task.id, claim.token, ...args]);
    } finally {
      held.release(claim);
    }
  }

  function tellCancelled({ task }: Claim, outcome: string, afterMs?: number): void {
    if (outcome !== 'cancelled') return;
    const known = afterMs === undefined ? {} : { afterMs };
    events.emit('task:cancelled', { taskId: task.id, priority: task.priority, ...known });
  }

  return {
    claimUpTo,

    async claim() {
      const [claim] = await claimUpTo(1);
      return claim;
    },

    async waitForTask(timeoutMs, signal) {
      if (signal.aborted || timeoutMs < 1) return;
      // No bell can help before something has ended here, and another worker may need it.
      if (held.isTaken() || (isHeldBack && held.count() > 0)) return held.untilReleased(timeoutMs, signal);
      // Spread, or a fleet that started together would look around together for ever.
      const blockMs = Math.ceil(Math.min(timeoutMs, maxBlockMs) * (0.8 + Math.random() * 0.2));
      signal.addEventListener('abort', bells.interrupt, { once: true });
      try {
        await listenToBells(blockMs);
      } catch {
        // Reported by the connection's own event. The pause keeps a worker from turning idly while Redis is away.
        await delay(Math.min(blockMs, reconnectPauseMs), undefined, { signal }).catch(() => {});
      } finally {
        signal.removeEventListener('abort', bells.interrupt);
      }
      if (signal.aborted) await passWakeUpOn();
    },

    heartbeat(beats, slots = 'free') {
      presence.touch();
      const mayYield = slots === 'full' && priorities.includes('CRITICAL');
      return renewLeases(context, { workerId, slots: mayYield ? 'full' : 'free', held }, beats);
    },

    describe: presence.describe,
    onDrainRequested: presence.onDrainRequested,
    onCancelRequested: (listener) => cancellations.listen(listener),

    async complete(claim, result) {
      return results.complete(claim, result).finally(() => held.release(claim));
    },

    async fail(claim, { retryable, ...failure }) {
      const delayMs = retryable ? fullJitterMs(claim.task.attempt, retry) : '';
      const reply = (await end(claim, failScript, [failureToText(failure), delayMs])) as FailOutcome;
      tellCancelled(claim, reply);
      return reply;
    },

    async acknowledgeCancel(claim) {
      const reply = (await end(claim, acknowledgeCancelScript, [])) as 'lost' | ['cancelled', number?];
      const [outcome, afterMs] = typeof reply === 'string' ? [reply] : reply;
      tellCancelled(claim, outcome, afterMs);
      return outcome;
    },

    async handBack(claim, checkpoint) {
      const reply = (await end(claim, handBackScript, [checkpoint ?? ''])) as
        | 'returned'
        | 'cancelled'
        | 'lost';
      tellCancelled(claim, reply);
      return reply;
    },

    async close() {
      bells.close();
      cancellations.close();
      connection.stop();
      await withinDeadline(closeTimeoutMs, leaveFleet()).catch(() => {});
    },
  };
}

/** A field that stands twice counts as it stands last. */
function claimedFields(fields: string): RecordFields {
  return fieldsFromReply((JSON.parse(fields) as string[][]).flat());
}

/** Tokens that no other worker gives: one random part for all, because drawing one takes longer than sending it. */
function createTokens(): () => string {
  const random = randomBytes(9).toString('base64url');
  let given = 0;
  return () => `${random}.${(given++).toString(36)}`;
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
