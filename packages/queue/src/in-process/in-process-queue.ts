import { EventEmitter } from 'node:events';
import { ServiceError } from '@musicgen/contract';
import type { RecovererOptions } from '../maintenance.ts';
import type { QueueEventMap } from '../queue-events.ts';
import type { QueueKind, TaskQueue } from '../queue-kind.ts';
import { createAdmin } from './admin.ts';
import { createBell } from './bell.ts';
import { createConsumer } from './consumer.ts';
import type { HeldTask, InProcessContext } from './context.ts';
import { createJournal } from './journal.ts';
import { createLifecycleLog } from './lifecycle-log.ts';
import { createMonitor } from './monitor.ts';
import { createMoves } from './moves.ts';
import { createOutboxLog } from './outbox-log.ts';
import { createProducer } from './producer.ts';
import { restore } from './restore.ts';
import { createTallies } from './tallies.ts';
import type { TaskStore } from './task-store.ts';
import { createJanitor, createPromoter, createRecoverer, startUpkeep } from './upkeep.ts';

export interface InProcessOptions {
  /** How many lifecycle events are kept. Default 50 000. */
  lifecycleLength?: number;
  /** How long the record of an expired task stays. Default one day. */
  expiredRetentionMs?: number;
  /** How many finished tasks are kept at most; those that ended first go, before their time. Default: all. */
  keptFinished?: number;
  /** Unix milliseconds. Default: the clock of this machine. */
  now?: () => number;
}

const recovery: RecovererOptions = { leaseMs: 30_000, stallTimeoutMs: 3_600_000, maxStalls: 3 };

/**
 * Tasks in the memory of one process, which works on them too. What it keeps beyond that is its store's business. Every
 * part acts as its counterpart on Redis Streams does; the same tests run against both.
 */
export function createInProcessQueue(
  kind: QueueKind,
  store: TaskStore,
  options: InProcessOptions = {},
): { queue: TaskQueue; context: InProcessContext } {
  const context = createContext(store, options);
  const moves = createMoves(context);
  let isOpen = false;

  /** The same calls, which fail until what an earlier process has left is read: before, no answer would be true. */
  function onceOpen<Calls extends object>(calls: Calls): Calls {
    const guarded = Object.entries(calls).map(([name, call]) => [
      name,
      async (...args: unknown[]) => {
        if (isOpen) return call(...args);
        throw new ServiceError('dependency_unavailable', 'The tasks have not been read from Redis yet');
      },
    ]);
    return Object.fromEntries(guarded);
  }

  const queue: TaskQueue = {
    kind,
    events: context.events,
    async prepare() {
      if (!isOpen) restore(context, moves, await store.open(), recovery);
      isOpen = true;
      return store.server();
    },
    createProducer: (producer) =>
      onceOpen(
        createProducer(context, moves, { maxLength: 10_000, idempotencyTtlMs: 86_400_000, ...producer }),
      ),
    createConsumer: (consumer) =>
      createConsumer(context, moves, {
        retry: { baseMs: 2_000, capMs: 300_000 },
        ageingMs: 600_000,
        ...consumer,
      }),
    createLifecycleReader: () => context.log.createReader(),
    createOutboxReader: (reader) => context.outbox.createReader({ takeOverMs: 60_000, ...reader }),
    createRecoverer: (recoverer) => createRecoverer(context, moves, { ...recovery, ...recoverer }),
    createPromoter: () => createPromoter(context, moves),
    createJanitor: (janitor) => createJanitor(context, moves, janitor),
    createAdmin: () => onceOpen(createAdmin(context, moves)),
    createMonitor: () => onceOpen(createMonitor(context)),
    startMaintenance: ({ removeArtifacts, ...maintenance } = {}) =>
      startUpkeep(
        context,
        {
          recoverer: queue.createRecoverer(maintenance),
          promoter: queue.createPromoter(),
          janitor: queue.createJanitor(removeArtifacts && { removeArtifacts }),
        },
        maintenance,
      ),
  };
  return { queue, context };
}

function createContext(
  store: TaskStore,
  {
    now = Date.now,
    lifecycleLength = 50_000,
    expiredRetentionMs = 86_400_000,
    keptFinished = Number.POSITIVE_INFINITY,
  }: InProcessOptions,
): InProcessContext {
  const tasks = new Map<string, HeldTask>();
  const admitting = new Map<string, HeldTask>();
  const erased = new Map<string, number>();
  const journal = createJournal(store, (id) => {
    const kept = tasks.get(id) ?? admitting.get(id);
    const artifactsDueAt = erased.get(id);
    return { id, ...(kept && { kept }), ...(artifactsDueAt !== undefined && { artifactsDueAt }) };
  });
  const outbox = createOutboxLog({
    now,
    onTold(taskId, entryId) {
      const held = tasks.get(taskId);
      if (held?.untold === undefined) return;
      held.untold = held.untold.filter(({ id }) => id !== entryId);
      journal.mark(taskId);
    },
  });
  return {
    tasks,
    admitting,
    erased,
    removed: new Map(),
    paused: new Set(),
    workers: new Map(),
    now,
    events: new EventEmitter<QueueEventMap>(),
    log: createLifecycleLog({ length: lifecycleLength, now }),
    outbox,
    tallies: createTallies(now),
    bell: createBell(),
    journal,
    store,
    expiredRetentionMs,
    keptFinished,
    stopListeners: new Set(),
  };
}
