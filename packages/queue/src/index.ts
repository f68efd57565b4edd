export { type BasicQueue, type BasicQueueOptions, createBasicQueue } from './basic/basic-queue.ts';
export { type EveryOptions, every, type Loop } from './every.ts';
export {
  compareIds,
  type LifecycleEvent,
  type LifecycleEventType,
  type LifecycleReader,
} from './lifecycle.ts';
export type {
  Janitor,
  JanitorOptions,
  MaintenanceOptions,
  Promoter,
  Recoverer,
  RecovererOptions,
} from './maintenance.ts';
export { createMemoryQueue } from './memory/memory-queue.ts';
export { createLineSource, type LineSourceOptions } from './migrate/line-source.ts';
export { type MigrationOptions, type MigrationStep, migrateTasks } from './migrate/migrate-tasks.ts';
export type { TargetRules } from './migrate/migrated-task.ts';
export {
  type OpenRedisSourceOptions,
  openRedisSource,
} from './migrate/open-redis-source.ts';
export type { MigrationReport, TaskProblem } from './migrate/report.ts';
export { rollBack } from './migrate/set-aside.ts';
export type { RedisPlace, TaskSource } from './migrate/task-source.ts';
export type { OutboxEntry, OutboxReader, OutboxReaderOptions } from './outbox.ts';
export type { Performance } from './performance.ts';
export type { Page, QueueAdmin, TaskPage } from './queue-admin.ts';
export type { DiscardReason, QueueEventMap, QueueEvents, RecoveryOutcome, Repair } from './queue-events.ts';
export type { QueueKind, TaskQueue } from './queue-kind.ts';
export type {
  AgeCount,
  Backlog,
  QueueDepth,
  QueueMonitor,
  RunningTask,
  ServerFacts,
  WorkerPresence,
} from './queue-monitor.ts';
export type { StreamsMonitor } from './streams/monitor.ts';
export type { Reconciler } from './streams/reconciler.ts';
export { failFastRedisOptions, patientRedisOptions, type RedisClient } from './streams/redis-client.ts';
export type { Roller } from './streams/roller.ts';
export {
  factsFromInfo,
  refuseOldServer,
  type ServerDanger,
  serverDangers,
} from './streams/server-check.ts';
export { createStreamsQueue, type StreamsQueue, type StreamsQueueOptions } from './streams/streams-queue.ts';
export { countOf, type Tally } from './tally.ts';
export type {
  CancelOutcome,
  Claim,
  ConsumerOptions,
  EraseOutcome,
  Heartbeat,
  HeartbeatAnswer,
  NewTask,
  ProducerOptions,
  TaskConsumer,
  TaskListing,
  TaskListPage,
  TaskProducer,
  TaskUpdate,
  UpdateOutcome,
} from './task-queue.ts';
export type { JsonObject, QueuePlace, TaskFailure, TaskProgress, TaskRecord } from './task-record.ts';
