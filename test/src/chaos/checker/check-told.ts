import type { TaskStatus } from '@musicgen/contract';
import { countEvents, ends, type TaskHistory, type Violation } from './task-histories.ts';

/** What the outside was told of a task that it is to hear of: the first claim and the end, each in one entry. */
export function checkTold(task: TaskHistory): Violation[] {
  const { acknowledged, told } = task;
  if (acknowledged === undefined) return [];
  const expected = acknowledged.notified ? turnsOf(task) : [];
  // An entry may be read more than once; it has the same id then.
  const entries = new Map(told.map(({ entry, status }) => [entry, status]));
  const statuses = [...entries.values()];
  const missing = expected.filter((status) => !statuses.includes(status));
  const foreign = told.filter(({ notify }) => notify !== acknowledged.request);
  return [
    ...missing.map((status) => ({ kind: 'not_told', detail: `that it was ${status}` })),
    ...(statuses.length > expected.length ? [{ kind: 'told_wrong', detail: statuses.join(', ') }] : []),
    ...foreign.map(({ notify }) => ({ kind: 'told_wrong', detail: `with the notice of ${notify}` })),
  ].map((violation) => ({ ...violation, task: task.id }));
}

function turnsOf(task: TaskHistory): TaskStatus[] {
  const [end] = ends(task);
  return [
    ...(countEvents(task, 'claimed') > 0 ? (['processing'] as const) : []),
    ...(end === undefined ? [] : [end.status]),
  ];
}

/** Its owner, and nobody else, finds a task once, under the status it has. */
export function checkListed({ id, acknowledged, record, listed }: TaskHistory): Violation[] {
  if (acknowledged === undefined || record === undefined) return [];
  const places = listed.map(({ owner = 'nobody', status }) => `${status} of ${owner}`);
  const expected = `${record.status} of ${acknowledged.owner ?? 'nobody'}`;
  if (places.length === 1 && places[0] === expected) return [];
  const found = places.join(', ') || 'nowhere';
  return [{ kind: 'wrong_list', task: id, detail: `listed ${found}, not as ${expected}` }];
}
