import type { ErrorCode, Priority, TaskStage, TaskStatus } from '@musicgen/contract';

/** What a caller asked for or a worker produced. The queue stores it as JSON and never looks inside. */
export type JsonObject = { [key: string]: unknown };

export interface TaskProgress {
  /** Frames of audio codes generated so far, of `frames` in all. */
  frame: number;
  frames: number;
}

export interface TaskFailure {
  code: ErrorCode;
  /** One sentence for people. */
  detail: string;
}

/** A task as it stands in the queue. All times are Unix milliseconds of the Redis server's clock. */
export interface TaskRecord {
  /** UUIDv7. */
  id: string;
  status: TaskStatus;
  priority: Priority;
  request: JsonObject;
  /** The HTTP request that submitted the task, for logs. */
  requestId?: string;
  /** Claims so far that were charged; a hand-back charges none. */
  attempt: number;
  maxAttempts: number;
  /** Claims that ended because their worker was lost; counted apart from failures. */
  stalls: number;
  createdAt: number;
  updatedAt: number;
  startedAt?: number;
  finishedAt?: number;
  /** When the task must be finished, or, once finished, when it is removed. */
  expiresAt: number;
  /** While waiting out a backoff: when it becomes claimable again. */
  retryAt?: number;
  stage?: TaskStage;
  progress?: TaskProgress;
  worker?: string;
  cancelRequested?: boolean;
  result?: JsonObject;
  error?: TaskFailure;
}
