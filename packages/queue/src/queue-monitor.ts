import type { Priority, TaskStatus } from '@musicgen/contract';
import type { Performance } from './performance.ts';
import type { Tally } from './tally.ts';
import type { JsonObject, TaskRecord } from './task-record.ts';

export interface QueueDepth {
  priority: Priority;
  /** Claimable tasks. */
  waiting: number;
  /** Tasks that workers hold. */
  running: number;
  oldestAgeMs?: number;
  paused: boolean;
}

/** How many tasks were submitted at least `fromMinutes` ago and less than the next one's. */
export interface AgeCount {
  fromMinutes: number;
  count: number;
}

export interface WorkerPresence {
  id: string;
  seenAt: number;
  draining: boolean;
  /** Tasks that it works on. */
  holding: number;
  description: JsonObject;
}

/** Looks at the queue. */
export interface QueueMonitor {
  counts(): Promise<Record<TaskStatus, number>>;
  queues(): Promise<QueueDepth[]>;
  /** What waits, what runs and what it costs. */
  backlog(): Promise<Backlog>;
  /** How many tasks wait for a retry. */
  delayed(): Promise<number>;
  deadLetters(): Promise<number>;
  /** How many tasks exist by priority, and by age: below an hour to the minute, above to the hour. */
  existing(): Promise<{ byPriority: Record<Priority, number>; byAge: AgeCount[] }>;
  /** Over the last `windowMs`, to the minute; to the hour for more than a day. */
  performance(windowMs: number): Promise<Performance>;
  /** The last hours, at most a week, the current one last; `startsAt` in Unix milliseconds. */
  trends(hours: number): Promise<{ startsAt: number; created: number; completed: number; failed: number }[]>;
  /** Running totals since the queue exists; `countOf` and its like read them. */
  totals(): Promise<Tally>;
  /** The first waiting tasks of a queue in claim order, and since when each waits there. */
  waiting(priority: Priority, limit: number): Promise<{ task: TaskRecord; queuedAt: number }[]>;
  /** Attempts that have run for longer than `longerThanMs`, the longest first, and how many there are in all. */
  stalled(
    longerThanMs: number,
    limit: number,
  ): Promise<{ total: number; tasks: { task: TaskRecord; claimedAt: number }[] }>;
  workers(): Promise<WorkerPresence[]>;
  /** How many priorities have a work stream that workers can read: all, unless data was lost a moment ago. */
  readableStreams(): Promise<number>;
  lifecycle(): Promise<{ length: number; firstId?: string; lastId?: string }>;
  /** What the Redis server says about itself; undefined where tasks are kept in no server. */
  server(): Promise<ServerFacts | undefined>;
  /** When this share (0…1) of all tasks will have outlived their time, in Unix milliseconds, at most a minute late; undefined without any. */
  whenOutlived(share: number): Promise<number | undefined>;
  /** When expired and outdated tasks were last looked for, in Unix milliseconds. */
  cleanedAt(): Promise<number | undefined>;
}

/** What lies before a fleet at one moment: enough to foresee when a task will be worked on. */
export interface Backlog {
  /** The Redis server's clock, Unix milliseconds, as all times here. */
  at: number;
  /** By priority: how many tasks wait, and the sum of the costs they were submitted with. */
  waiting: Record<Priority, { tasks: number; cost: number }>;
  /** All tasks that are being worked on. */
  processing: number;
  /** Those of them that run longest, at most 100. */
  running: RunningTask[];
  /** Nothing is claimed from these. */
  paused: Priority[];
}

export interface RunningTask {
  id: string;
  claimedAt: number;
  worker?: string;
  cost?: number;
  /** What it still needed at `updatedAt`, as its worker measured it. */
  remainingMs?: number;
  updatedAt?: number;
}

/** What the server says about itself that matters to a queue. */
export interface ServerFacts {
  version: string;
  /** Whether it copies another server and refuses to be written to. */
  isReplica: boolean;
  evictionPolicy: string;
  appendOnlyFile: boolean;
  /** Whether the last write to the append-only file and the last snapshot went well, or none was made. */
  lastSaveWorked: boolean;
  usedMemoryBytes: number;
  /** `maxmemory`; without one, the memory of the machine. */
  memoryLimitBytes: number;
}
