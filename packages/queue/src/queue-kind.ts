import type { Loop } from './every.ts';
import type { LifecycleReader } from './lifecycle.ts';
import type {
  Janitor,
  JanitorOptions,
  MaintenanceOptions,
  Promoter,
  Recoverer,
  RecovererOptions,
} from './maintenance.ts';
import type { OutboxReader, OutboxReaderOptions } from './outbox.ts';
import type { QueueAdmin } from './queue-admin.ts';
import type { QueueEvents } from './queue-events.ts';
import type { QueueMonitor, ServerFacts } from './queue-monitor.ts';
import type { ConsumerOptions, ProducerOptions, TaskConsumer, TaskProducer } from './task-queue.ts';

/**
 * What keeps the tasks: Redis Streams, for a fleet; or the memory of one process, written through to Redis (`basic`) or
 * not at all.
 */
export type QueueKind = 'advanced' | 'basic' | 'memory';

/** What every storage kind offers. Each part is made by its own call; a process makes those it needs. */
export interface TaskQueue {
  kind: QueueKind;
  events: QueueEvents;
  /**
   * Makes it ready to be used; resolves to what the Redis server says about itself, where there is one.
   * @throws ServiceError `dependency_unavailable` when Redis is away, `dependency_unsupported` when it cannot be used.
   */
  prepare(): Promise<ServerFacts | undefined>;
  createProducer(options?: Partial<ProducerOptions>): TaskProducer;
  createConsumer(
    options: Pick<ConsumerOptions, 'workerId' | 'priorities'> & Partial<ConsumerOptions>,
  ): TaskConsumer;
  createLifecycleReader(): LifecycleReader;
  createOutboxReader(
    options: Pick<OutboxReaderOptions, 'consumerName'> & Partial<OutboxReaderOptions>,
  ): OutboxReader;
  createRecoverer(options?: Partial<RecovererOptions>): Recoverer;
  createPromoter(): Promoter;
  createJanitor(options?: JanitorOptions): Janitor;
  createAdmin(): QueueAdmin;
  createMonitor(): QueueMonitor;
  /** Runs the background duties on their intervals until it is stopped. */
  startMaintenance(options?: MaintenanceOptions): Loop;
}
