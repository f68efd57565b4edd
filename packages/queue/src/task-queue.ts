import type { Priority, TaskStage, TaskStatus } from '@musicgen/contract';
import type { BackoffOptions } from './backoff.ts';
import type { JsonObject, QueuePlace, TaskFailure, TaskProgress, TaskRecord } from './task-record.ts';

export interface NewTask {
  id: string;
  priority: Priority;
  request: JsonObject;
  /** The task's whole life from submission. */
  ttlSeconds: number;
  maxAttempts: number;
  requestId?: string;
  /** The trace of that request, for whoever works on the task; opaque text. */
  traceparent?: string;
  /** How much work it is, in a whole unit of the caller's: the queue sums what waits and what was done. */
  cost?: number;
  /** How long the caller expects it to take from submission to completion, kept to measure the expectation by. */
  expectedMs?: number;
  /** Whose task it is: 1 to 64 letters, digits, `_` and `-`. */
  owner?: string;
  /** The most unfinished tasks that the owner may have with this one; tasks without an owner count as one owner's. */
  ownerLimit?: number;
  batchId?: string;
  batchIndex?: number;
  /**
   * What the outbox says about the task when it is first claimed and when it ends; opaque text. Kept apart from the
   * request: only `notice` and the outbox show it.
   */
  notify?: string;
  /** Sent again by the same owner with the same key, the first task comes back instead of a second one. */
  idempotency?: {
    key: string;
    /** Of what was asked for; the same key with another hash is refused. Without white space. */
    requestHash: string;
  };
}

/** What may change about a task while it is pending. */
export interface TaskUpdate {
  priority?: Priority;
  /** Counted from the submission. */
  ttlSeconds?: number;
}

/** What changing a task did: it is changed, it is no longer pending, or there is none. */
export type UpdateOutcome = 'updated' | 'not_pending' | 'unknown';

/** What cancelling a task did: it was waiting, it runs and will stop, it had finished, or there is none. */
export type CancelOutcome = 'cancelled' | 'stopping' | 'finished' | 'unknown';

/** What erasing a task did. */
export type EraseOutcome = 'erased' | 'unknown';

export interface TaskListing {
  /** Absent: the tasks that have no owner. */
  owner?: string;
  status?: TaskStatus;
  priority?: Priority;
  /** At most so many, 1 to 100. */
  limit: number;
  /** The `nextCursor` of the page before; absent: from the newest on. */
  cursor?: string;
}

export interface TaskListPage {
  tasks: TaskRecord[];
  /** Where the next page begins; absent after the last. */
  nextCursor?: string;
}

export interface ProducerOptions {
  /** The most tasks that may wait; beyond it new ones are refused. */
  maxLength: number;
  /** How long an idempotency key is remembered. */
  idempotencyTtlMs: number;
  /** A call that Redis has not answered by then fails. */
  timeoutMs: number;
}

/** The side that submits tasks and looks at them: any API process. */
export interface TaskProducer {
  /**
   * Admits a task; sending the same id or idempotency key twice makes one task.
   * @throws ServiceError `queue_full` over the backlog limit, `concurrency_limit` over the owner's, `idempotency_mismatch`
   *   for a key that stands for another request, `dependency_unavailable` when Redis is away, `redis_full`.
   */
  enqueue(task: NewTask): Promise<TaskRecord>;
  /**
   * Admits up to 100 tasks, all or none; answers in the order given.
   * @throws ServiceError as `enqueue`; RangeError for more than 100, or for an id or key that stands twice, or for
   *   tasks of several owners.
   */
  enqueueBatch(tasks: readonly NewTask[]): Promise<TaskRecord[]>;
  /**
   * What `enqueueBatch` would answer, where every one of the tasks was admitted before; undefined where one is new. Admits none.
   * @throws ServiceError `idempotency_mismatch`, `dependency_unavailable`, `redis_full`; RangeError as `enqueueBatch`.
   */
  known(tasks: readonly NewTask[]): Promise<TaskRecord[] | undefined>;
  get(id: string): Promise<TaskRecord | undefined>;
  /**
   * Tasks of one owner, the latest submission first. A task keeps its place, so pages neither repeat nor skip tasks that
   * exist throughout, whatever is submitted meanwhile. One whose status changes while the page is read may be left out
   * of a page of one status.
   * @throws ServiceError `invalid_request` for a cursor that no page has given; RangeError for a limit that cannot be.
   */
  list(listing: TaskListing): Promise<TaskListPage>;
  /** What the task was submitted with as `notify`. */
  notice(id: string): Promise<string | undefined>;
  /** Whether there was a task of this id that was erased, or removed at the end of its time, within the last day. */
  wasRemoved(id: string): Promise<boolean>;
  /** Where a waiting task stands, or undefined when it is not waiting in its queue. */
  place(id: string): Promise<QueuePlace | undefined>;
  cancel(id: string): Promise<CancelOutcome>;
  /**
   * Cancels a task that is not finished, and removes the record at once; its artifacts go with the janitor's next turn,
   * or a quarter of an hour later where an attempt runs that could still store some. That attempt learns it is lost.
   */
  erase(id: string): Promise<EraseOutcome>;
  /** Changes a task that is still pending; a new priority puts it at the end of that queue. */
  update(id: string, change: TaskUpdate): Promise<UpdateOutcome>;
}

/** One attempt at a task, owned through its token. */
export interface Claim {
  /** As it stood when it was claimed: `updatedAt` is the moment of the claim. */
  task: TaskRecord;
  /** Random, new for every claim; every later call of this attempt must carry it. */
  token: string;
  /** What the last attempt left behind to go on from. */
  checkpoint?: Buffer;
}

export interface Heartbeat {
  claim: Claim;
  stage?: TaskStage;
  progress?: TaskProgress;
  checkpoint?: Buffer;
}

/**
 * What a heartbeat learns: go on, stop because the caller cancelled, stop because another attempt owns the task, or hand
 * the task back to make way for a CRITICAL one.
 */
export type HeartbeatAnswer = 'ok' | 'cancel' | 'lost' | 'yield';

export interface ConsumerOptions {
  /** Unique for every start of a worker process: what an earlier process held is recovered, not inherited. */
  workerId: string;
  /** What the worker takes. */
  priorities: readonly Priority[];
  /** The backoff before a failed task's next attempt. */
  retry: BackoffOptions;
  /** A queue whose oldest task has waited n times this long counts n levels higher. 0: never. */
  ageingMs: number;
  /** How often heartbeats renew a lease; a third of the lease at most, so that lost heartbeats are forgiven. */
  renewEveryMs: number;
}

/** The side that works on tasks: one per worker process. */
export interface TaskConsumer {
  /** Takes the best waiting task, or nothing; never blocks. */
  claim(): Promise<Claim | undefined>;
  /**
   * Takes the best waiting tasks, as many as there are up to the limit and at most 100, in one call; never blocks.
   * For many short tasks: claims one by one spread long tasks more evenly over a fleet.
   * One call at a time where a task may have to be alone on its worker: a second one does not know yet what the first takes.
   */
  claimUpTo(limit: number): Promise<Claim[]>;
  /** Resolves when a claim may succeed, after at most `timeoutMs`, or when the signal aborts. */
  waitForTask(timeoutMs: number, signal: AbortSignal): Promise<void>;
  /**
   * Renews all leases in one call and reports progress; answers in the order given. Only a worker whose slots are `full`
   * is ever told to yield, and then its youngest LOW task.
   */
  heartbeat(beats: Heartbeat[], slots?: 'free' | 'full'): Promise<HeartbeatAnswer[]>;
  /** Calls the listener when a task's cancellation is requested, well before its next heartbeat. Returns the undo. */
  onCancelRequested(listener: (taskId: string) => void): () => void;
  /** Says what the worker is and runs, for the registry; remembered and renewed as long as the consumer is used. */
  describe(description: JsonObject): Promise<void>;
  /** Calls the listener once when an operator asks this worker to drain. Returns the undo. */
  onDrainRequested(listener: () => void): () => void;
  /** Each of these ends the attempt; `lost` means that another attempt owns the task and nothing was changed. */
  complete(claim: Claim, result: JsonObject): Promise<'completed' | 'lost'>;
  /** A task whose cancellation was requested is cancelled instead of retried. */
  fail(
    claim: Claim,
    failure: TaskFailure & { retryable: boolean },
  ): Promise<'retrying' | 'failed' | 'cancelled' | 'lost'>;
  acknowledgeCancel(claim: Claim): Promise<'cancelled' | 'lost'>;
  /** Gives the task back to the head of its queue without charging the attempt; one to be cancelled is cancelled. */
  handBack(claim: Claim, checkpoint?: Buffer): Promise<'returned' | 'cancelled' | 'lost'>;
  close(): Promise<void>;
}
