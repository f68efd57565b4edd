import { isTerminal } from '@musicgen/contract';
import { checkBatch, newRecord, type Refusal, refusal } from '../admission.ts';
import { comparePlaces, cursorOf, type Place, placeBefore } from '../listing.ts';
import type { NewTask, ProducerOptions, TaskListing, TaskListPage, TaskProducer } from '../task-queue.ts';
import type { TaskRecord } from '../task-record.ts';
import { change, type HeldTask, type InProcessContext, isWaiting, waitingByPriority } from './context.ts';
import type { Moves } from './moves.ts';

/** How long the attempt of an erased task may still store artifacts: it should hear of it within seconds. */
const straggleMs = 900_000;
const dayMs = 86_400_000;

export function createProducer(
  context: InProcessContext,
  moves: Moves,
  { maxLength, idempotencyTtlMs }: Pick<ProducerOptions, 'maxLength' | 'idempotencyTtlMs'>,
): TaskProducer {
  const { tasks, admitting, now, log, journal, store } = context;
  const everyone = () => [...tasks.values(), ...admitting.values()];

  /** The task that one stands for which was sent before, or nothing for a new one. */
  function known({ id, owner, idempotency }: NewTask): HeldTask | 'mismatch' | undefined {
    const same = tasks.get(id) ?? admitting.get(id);
    if (same !== undefined || idempotency === undefined) return same;
    const first = everyone().find(
      ({ task, idempotency: theirs }) =>
        theirs?.key === idempotency.key && task.owner === owner && task.createdAt > now() - idempotencyTtlMs,
    );
    return first === undefined || first.idempotency?.requestHash === idempotency.requestHash
      ? first
      : 'mismatch';
  }

  function refusalOf(fresh: readonly NewTask[]): Refusal | undefined {
    const [{ owner, ownerLimit } = {}] = fresh as readonly Partial<NewTask>[];
    const unfinished = everyone().filter(({ task }) => !isTerminal(task.status));
    const waiting = unfinished.filter(({ task }) => task.status === 'pending').length;
    if (waiting + fresh.length > maxLength) return ['full', waiting];
    const mine = unfinished.filter(({ task }) => task.owner === owner).length;
    if (ownerLimit !== undefined && mine + fresh.length > ownerLimit) return ['limited', mine];
    return undefined;
  }

  /** Acknowledged, claimable and told of once it is stored; before, it only takes its place. */
  async function admit(fresh: readonly NewTask[]): Promise<void> {
    const at = now();
    const held = fresh.map((task) => hold(task, at));
    for (const one of held) {
      admitting.set(one.task.id, one);
      journal.mark(one.task.id);
    }
    try {
      await journal.written();
    } catch (error) {
      // It may be in the store all the same; the next write takes it out.
      for (const { task } of held) journal.mark(task.id);
      throw error;
    } finally {
      for (const { task } of held) admitting.delete(task.id);
    }
    for (const one of held) {
      tasks.set(one.task.id, one);
      log.append(one.task, 'created');
      moves.count(one, 'created');
      moves.announce(one);
    }
  }

  function hold({ notify, idempotency, ...task }: NewTask, at: number): HeldTask {
    return {
      task: newRecord(task, at),
      queuedAt: moves.nextPlace(at),
      ...(notify !== undefined && { notify }),
      ...(idempotency !== undefined && { idempotency }),
    };
  }

  /** For each task the one that it stands for, or nothing for a new one. */
  function lookUp(batch: readonly NewTask[]): (HeldTask | undefined)[] {
    checkBatch(batch);
    return batch.map((task, index) => {
      const held = known(task);
      if (held === 'mismatch') throw refusal(['mismatch', index], batch);
      return held;
    });
  }

  async function enqueueBatch(batch: readonly NewTask[]): Promise<TaskRecord[]> {
    const answers = lookUp(batch);
    const fresh = batch.filter((_, index) => answers[index] === undefined);
    const refused = fresh.length > 0 ? refusalOf(fresh) : undefined;
    if (refused !== undefined) throw refusal(refused, batch);
    const ids = batch.map(({ id }, index) => answers[index]?.task.id ?? id);
    if (fresh.length > 0) await admit(fresh);
    // Another call may have been admitting what this one has found.
    else await journal.written();
    return ids.map((id) => recordOf(id));
  }

  function recordOf(id: string): TaskRecord {
    const held = tasks.get(id);
    if (held === undefined) throw new Error(`Task ${id} was removed while it was admitted`);
    return held.task;
  }

  async function stored<Outcome>(outcome: Outcome): Promise<Outcome> {
    await journal.written();
    return outcome;
  }

  return {
    enqueueBatch,
    async known(batch) {
      const held = lookUp(batch).filter((one) => one !== undefined);
      if (held.length < batch.length) return undefined;
      await journal.written();
      return held.map(({ task }) => recordOf(task.id));
    },
    enqueue: async (task) => (await enqueueBatch([task]))[0] as TaskRecord,
    get: async (id) => tasks.get(id)?.task,
    list: async (listing) => listTasks(context, listing),
    notice: async (id) => tasks.get(id)?.notify,

    async wasRemoved(id) {
      const removedAt = context.removed.get(id);
      if (removedAt !== undefined) return removedAt > now() - dayMs;
      return !tasks.has(id) && (await store.wasRemoved(id));
    },

    async place(id) {
      const held = tasks.get(id);
      if (held === undefined || !isWaiting(held)) return undefined;
      let better = 0;
      for (const [priority, line] of waitingByPriority(context)) {
        if (priority !== held.task.priority) better += line.length;
        else return { position: line.indexOf(held) + 1, ahead: better + line.indexOf(held) };
      }
      return undefined;
    },

    async cancel(id) {
      const held = tasks.get(id);
      if (held === undefined) return 'unknown';
      if (held.task.status === 'pending') {
        moves.endCancelled(held);
        return stored('cancelled');
      }
      if (held.task.status !== 'processing') return 'finished';
      if (!held.task.cancelRequested) {
        held.cancelRequestedAt = now();
        change(held, { cancelRequested: true, updatedAt: now() });
        log.append(held.task, 'cancelling');
        journal.mark(id);
      }
      moves.tellToStop(id);
      return stored('stopping');
    },

    async erase(id) {
      const held = tasks.get(id);
      if (held === undefined) return 'unknown';
      const wasRunning = held.task.status === 'processing';
      if (!isTerminal(held.task.status)) moves.endCancelled(held);
      context.erased.set(id, now() + (wasRunning ? straggleMs : 0));
      moves.remove(id);
      if (wasRunning) moves.tellToStop(id);
      return stored('erased');
    },

    async update(id, { priority, ttlSeconds }) {
      const held = tasks.get(id);
      if (held === undefined) return 'unknown';
      if (held.task.status !== 'pending') return 'not_pending';
      if (priority !== undefined && priority !== held.task.priority) {
        change(held, { priority });
        if (isWaiting(held)) moves.joinQueue(held);
      }
      if (ttlSeconds !== undefined) change(held, { expiresAt: held.task.createdAt + ttlSeconds * 1000 });
      change(held, { updatedAt: now() });
      log.append(held.task, 'updated');
      journal.mark(id);
      return stored('updated');
    },
  };
}

function listTasks({ tasks }: InProcessContext, listing: TaskListing): TaskListPage {
  const { owner, status, priority, limit } = listing;
  const after: Place | undefined = placeBefore(listing);
  const found = [...tasks.values()]
    .map(({ task }) => task)
    .filter((task) => task.owner === owner)
    .filter((task) => (status ?? task.status) === task.status)
    .filter((task) => (priority ?? task.priority) === task.priority)
    .filter((task) => after === undefined || comparePlaces(task, after) > 0)
    .sort(comparePlaces);
  const page = found.slice(0, limit);
  const last = page.at(-1);
  return { tasks: page, ...(last && found.length > limit && { nextCursor: cursorOf(last) }) };
}
