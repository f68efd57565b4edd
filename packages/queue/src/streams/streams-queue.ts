import { EventEmitter } from 'node:events';
import type { Loop } from '../every.ts';
import { createKeys } from '../keys.ts';
import type { MaintenanceOptions } from '../maintenance.ts';
import type { QueueEventMap, QueueEvents } from '../queue-events.ts';
import type { TaskQueue } from '../queue-kind.ts';
import type { ServerFacts } from '../queue-monitor.ts';
import { createAdmin } from './admin.ts';
import { withinDeadline } from './blocking-connection.ts';
import { createConsumer } from './consumer.ts';
import type { QueueContext } from './context.ts';
import { startDuties } from './duties.ts';
import { createGroups } from './groups.ts';
import { createJanitor, type StreamsJanitor, type StreamsJanitorOptions } from './janitor.ts';
import { checkLayout } from './layout-check.ts';
import { createLifecycleReader } from './lifecycle-reader.ts';
import { createMonitor, type StreamsMonitor } from './monitor.ts';
import { createMover, type TaskMover } from './mover.ts';
import { createOutboxReader } from './outbox-reader.ts';
import { createProducer } from './producer.ts';
import { createPromoter } from './promoter.ts';
import { createReconciler, type Reconciler } from './reconciler.ts';
import { createRecoverer } from './recoverer.ts';
import type { RedisClient } from './redis-client.ts';
import { answering, redisUnavailable } from './redis-unavailable.ts';
import { beginCounting, createRoller, type Roller } from './roller.ts';
import { createScriptRunner } from './script-runner.ts';
import { checkServer } from './server-check.ts';

/** How long stopping waits for a duty that is under way. */
const stopWithinMs = 1_000;

export interface StreamsQueueOptions {
  /** For commands; the queue opens connections of its own for what blocks. Its owner closes it. */
  redis: RedisClient;
  /** Before every key; a hash tag (`{musicgen}`) on Redis Cluster. Default `musicgen`. */
  prefix?: string;
  /** About how many lifecycle events are kept. Default 50 000, some 5 MB. */
  lifecycleLength?: number;
  /** How long the record of an expired task stays. Default one day. */
  expiredRetentionMs?: number;
}

/** Tasks on Redis Streams: the one kind for a fleet. */
export interface StreamsQueue extends TaskQueue {
  /**
   * Checks the server and creates what is missing on it. Nothing else depends on having called it first.
   * @throws ServiceError `dependency_unavailable` when Redis is away, `dependency_unsupported` when it is older than 7.0
   *   or holds tasks of another layout under the prefix.
   */
  prepare(): Promise<ServerFacts>;
  createJanitor(options?: StreamsJanitorOptions): StreamsJanitor;
  createReconciler(): Reconciler;
  createRoller(): Roller;
  createMonitor(): StreamsMonitor;
  createMover(): TaskMover;
  /** Runs all background duties on their intervals; in a fleet, each turn is taken by one process. */
  startMaintenance(options?: MaintenanceOptions): Loop;
}

/** Composes the queue. Sends nothing to Redis. */
export function createStreamsQueue(options: StreamsQueueOptions): StreamsQueue {
  const { redis, prefix = 'musicgen', lifecycleLength = 50_000, expiredRetentionMs = 86_400_000 } = options;
  const events: QueueEvents = new EventEmitter<QueueEventMap>();
  const run = createScriptRunner({ redis, prefix, lifecycleLength, expiredRetentionMs });
  const context: QueueContext = { redis, keys: createKeys(prefix), events, run };

  const queue: StreamsQueue = {
    kind: 'advanced',
    events,

    async prepare() {
      try {
        const facts = await checkServer(context);
        await checkLayout(context, prefix);
        await beginCounting(context);
        await createGroups(context);
        return facts;
      } catch (error) {
        throw redisUnavailable('set up the queue', error);
      }
    },

    createProducer: (producer) =>
      createProducer(context, {
        maxLength: 10_000,
        idempotencyTtlMs: 86_400_000,
        timeoutMs: 2_000,
        ...producer,
      }),

    createConsumer: (consumer) =>
      createConsumer(context, {
        retry: { baseMs: 2_000, capMs: 300_000 },
        ageingMs: 600_000,
        renewEveryMs: 5_000,
        ...consumer,
      }),

    createOutboxReader: (reader) => createOutboxReader(context, { takeOverMs: 60_000, ...reader }),

    createLifecycleReader: () => createLifecycleReader(context),

    createRecoverer: (recoverer) =>
      createRecoverer(context, { leaseMs: 30_000, stallTimeoutMs: 3_600_000, maxStalls: 3, ...recoverer }),

    createPromoter: () => createPromoter(context),
    createJanitor: (janitor) => createJanitor(context, janitor),
    createReconciler: () => createReconciler(context),
    createRoller: () => createRoller(context),
    createAdmin: () => answering('do what was asked', createAdmin(context)),
    createMonitor: () => answering('say how the queue stands', createMonitor(context)),
    createMover: () => answering('move tasks', createMover(context)),

    startMaintenance({
      removeArtifacts,
      intervalMs = 5_000,
      reconcileIntervalMs = 300_000,
      ...recovery
    } = {}) {
      const recoverer = queue.createRecoverer(recovery);
      const promoter = queue.createPromoter();
      const janitor = queue.createJanitor(removeArtifacts && { removeArtifacts });
      const reconciler = queue.createReconciler();
      const roller = queue.createRoller();
      const often = startDuties(context, {
        name: 'maintenance',
        intervalMs,
        duties: {
          'recover lost tasks': recoverer.recover,
          'promote due retries': promoter.promote,
          'clean up': janitor.clean,
        },
      });
      const seldom = startDuties(context, {
        name: 'reconciliation',
        intervalMs: reconcileIntervalMs,
        duties: {
          'roll up statistics': roller.rollUp,
          'remove workers that are gone': janitor.removeWorkers,
          'tidy the outbox': janitor.tidyOutbox,
          reconcile: reconciler.reconcile,
        },
      });
      return {
        async stop() {
          // A duty that Redis leaves without an answer keeps no process from ending: the next one does it.
          await withinDeadline(stopWithinMs, Promise.all([often.stop(), seldom.stop()])).catch(() => {});
        },
      };
    },
  };
  return queue;
}
