import { ServiceError } from '@musicgen/contract';
import { mostAtOnce } from './admission.ts';
import type { TaskListing } from './task-queue.ts';

/** Where a task stands in the list of its owner. Equal times are told apart by the ids. */
export interface Place {
  id: string;
  createdAt: number;
}

/**
 * The place that a page begins behind; nothing for the first page.
 * @throws ServiceError `invalid_request` for a cursor that no page has given; RangeError for a limit that cannot be.
 */
export function placeBefore({ limit, cursor }: TaskListing): Place | undefined {
  if (!Number.isInteger(limit) || limit < 1 || limit > mostAtOnce) {
    throw new RangeError(`A page holds 1 to ${mostAtOnce} tasks, not ${limit}`);
  }
  return cursor === undefined ? undefined : placeFromCursor(cursor);
}

export function cursorOf({ createdAt, id }: Place): string {
  return `${createdAt}-${id}`;
}

/** The later submission first. */
export function comparePlaces(a: Place, b: Place): number {
  if (a.createdAt !== b.createdAt) return b.createdAt - a.createdAt;
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}

function placeFromCursor(cursor: string): Place {
  const [, createdAt, id] = /^(\d{1,13})-([\w-]{1,64})$/.exec(cursor) ?? [];
  if (id === undefined) throw new ServiceError('invalid_request', 'The cursor is none that a page has given');
  return { id, createdAt: Number(createdAt) };
}
