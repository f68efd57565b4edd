import { isTerminal } from '@musicgen/contract';
import type { HistoryEvent, LifecycleEntry, Recorded } from '../history.ts';

type EventOf<Type extends HistoryEvent['type']> = Recorded<Extract<HistoryEvent, { type: Type }>>;

/** Everything that happened to one task, each part by time. */
export interface TaskHistory {
  id: string;
  acknowledged?: EventOf<'enqueue:acknowledged'>;
  /** In Redis's own order. */
  lifecycle: Recorded<LifecycleEntry>[];
  claims: EventOf<'claim:answered'>[];
  endings: EventOf<'ending:answered'>[];
  cancels: EventOf<'cancel:answered'>[];
  seen: EventOf<'status:seen'>[];
  starts: EventOf<'engine:started'>[];
  record?: EventOf<'record:read'>;
  told: EventOf<'outbox:read'>[];
  listed: EventOf<'list:read'>[];
}

/** What breaks a promise of the queue. */
export interface Violation {
  kind: string;
  task?: string;
  detail: string;
}

/** The events of some types. */
export function ofType<Type extends HistoryEvent['type']>(
  history: readonly Recorded[],
  type: Type,
): EventOf<Type>[] {
  return history.filter((event): event is EventOf<Type> => event.type === type);
}

/** Sorts a history by task. */
export function taskHistories(history: readonly Recorded[]): Map<string, TaskHistory> {
  const tasks = new Map<string, TaskHistory>();
  const taskOf = (id: string): TaskHistory => {
    const task = tasks.get(id) ?? newTaskHistory(id);
    tasks.set(id, task);
    return task;
  };
  const requests = new Map<string, string>();
  for (const event of history) {
    if (event.type === 'enqueue:acknowledged') requests.set(event.request, event.task);
  }
  for (const event of history) {
    if (event.type === 'engine:started') {
      const task = requests.get(event.request);
      if (task !== undefined) taskOf(task).starts.push(event);
    } else if ('task' in event) {
      note(taskOf(event.task), event);
    }
  }
  for (const { lifecycle } of tasks.values()) lifecycle.sort((a, b) => compareIds(a.id, b.id));
  return tasks;
}

function newTaskHistory(id: string): TaskHistory {
  return {
    id,
    lifecycle: [],
    claims: [],
    endings: [],
    cancels: [],
    seen: [],
    starts: [],
    told: [],
    listed: [],
  };
}

function note(task: TaskHistory, event: Recorded): void {
  switch (event.type) {
    case 'enqueue:acknowledged':
      task.acknowledged = event;
      break;
    case 'lifecycle':
      task.lifecycle.push(event);
      break;
    case 'claim:answered':
      task.claims.push(event);
      break;
    case 'ending:answered':
      task.endings.push(event);
      break;
    case 'cancel:answered':
      task.cancels.push(event);
      break;
    case 'status:seen':
      task.seen.push(event);
      break;
    case 'outbox:read':
      task.told.push(event);
      break;
    case 'list:read':
      task.listed.push(event);
      break;
    case 'record:read':
      task.record = event;
      break;
    default:
  }
}

/** How many lifecycle events of a kind a task had. */
export function countEvents({ lifecycle }: TaskHistory, event: LifecycleEntry['event']): number {
  return lifecycle.filter((entry) => entry.event === event).length;
}

/** The events that gave a task a terminal status; one, if all is well. */
export function ends({ lifecycle }: TaskHistory): Recorded<LifecycleEntry>[] {
  return lifecycle.filter(({ status }) => isTerminal(status));
}

/** Orders Redis stream ids. */
export function compareIds(a: string, b: string): number {
  const [aMs = 0, aSequence = 0] = a.split('-').map(Number);
  const [bMs = 0, bSequence = 0] = b.split('-').map(Number);
  return aMs - bMs || aSequence - bSequence;
}
