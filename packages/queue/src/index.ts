export { type EveryOptions, every, type Loop } from './every.ts';
export type { LifecycleEvent, LifecycleEventType } from './lifecycle.ts';
export type { DiscardReason, QueueEventMap, QueueEvents, RecoveryOutcome, Repair } from './queue-events.ts';
export type { Page, QueueAdmin, TaskPage } from './streams/admin.ts';
export type { Backlog, RunningTask } from './streams/backlog.ts';
export type { ConsumerOptions } from './streams/consumer.ts';
export type { Janitor, JanitorOptions } from './streams/janitor.ts';
export { compareIds } from './streams/lifecycle-reader.ts';
export type { AgeCount, QueueDepth, QueueMonitor, WorkerPresence } from './streams/monitor.ts';
export type { OutboxReaderOptions } from './streams/outbox-reader.ts';
export type { Performance } from './streams/performance.ts';
export type { ProducerOptions } from './streams/producer.ts';
export type { Promoter } from './streams/promoter.ts';
export type { Reconciler } from './streams/reconciler.ts';
export type { Recoverer, RecovererOptions } from './streams/recoverer.ts';
export { failFastRedisOptions, patientRedisOptions, type RedisClient } from './streams/redis-client.ts';
export type { Roller } from './streams/roller.ts';
export type { ServerFacts } from './streams/server-check.ts';
export { countOf, type Tally } from './streams/statistics.ts';
export {
  createStreamsQueue,
  type MaintenanceOptions,
  type StreamsQueue,
  type StreamsQueueOptions,
} from './streams/streams-queue.ts';
export type {
  CancelOutcome,
  Claim,
  EraseOutcome,
  Heartbeat,
  HeartbeatAnswer,
  LifecycleReader,
  NewTask,
  OutboxEntry,
  OutboxReader,
  QueuePlace,
  TaskConsumer,
  TaskListing,
  TaskListPage,
  TaskProducer,
  TaskUpdate,
  UpdateOutcome,
} from './task-queue.ts';
export type { JsonObject, TaskFailure, TaskProgress, TaskRecord } from './task-record.ts';
