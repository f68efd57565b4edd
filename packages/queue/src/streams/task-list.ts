import { type Priority, priorityNames, type TaskStatus, taskStatuses } from '@musicgen/contract';
import { comparePlaces, cursorOf, type Place, placeBefore } from '../listing.ts';
import { levelOf } from '../priority-level.ts';
import type { TaskListing, TaskListPage } from '../task-queue.ts';
import type { QueueContext } from './context.ts';
import { readTasks } from './read-tasks.ts';
import { listScript, shelfSpan } from './scripts/list.lua.ts';

/**
 * The score of a task in the index of its owner. A status and a priority make a shelf, and inside a shelf the tasks
 * stand by the time of their submission; so a page of any filter is a range on each shelf, and a change of status is
 * one new score.
 */
export function listScore(status: TaskStatus, priority: Priority, createdAt: number): number {
  const shelf = taskStatuses.indexOf(status) * priorityNames.length + levelOf(priority);
  return shelf * shelfSpan + createdAt;
}

/**
 * One page of an owner's tasks, the latest first; see `TaskProducer.list`. What is wrong with the listing is thrown at
 * once, before anything is sent.
 */
export function listTasks(context: QueueContext, listing: TaskListing): Promise<TaskListPage> {
  return readPage(context, listing, placeBefore(listing));
}

async function readPage(
  context: QueueContext,
  listing: TaskListing,
  after: Place | undefined,
): Promise<TaskListPage> {
  const { limit, status, priority } = listing;
  const found = await readShelves(context, listing, after);
  const page = found.slice(0, limit);
  const tasks = await readTasks(
    context,
    page.map(({ id }) => id),
  );
  const last = page.at(-1);
  const isWanted = (task: { status: TaskStatus; priority: Priority }) =>
    (status ?? task.status) === task.status && (priority ?? task.priority) === task.priority;
  return {
    tasks: tasks.filter(isWanted),
    ...(last !== undefined && found.length > limit && { nextCursor: cursorOf(last) }),
  };
}

/** What comes after a place on all shelves that may hold it, in order; at least one more than the page, if there is. */
async function readShelves(
  { run }: QueueContext,
  { owner = '', status, priority, limit }: TaskListing,
  after: Place | undefined,
): Promise<Place[]> {
  const newest = after?.createdAt ?? shelfSpan - 1;
  const shelves = (status === undefined ? taskStatuses : [status]).flatMap((onStatus) =>
    (priority === undefined ? priorityNames : [priority]).flatMap((onPriority) => [
      listScore(onStatus, onPriority, newest),
      listScore(onStatus, onPriority, 0),
    ]),
  );
  const reply = (await run(listScript, [owner, limit, ...shelves])) as string[];
  const found: Place[] = [];
  for (let index = 0; index + 1 < reply.length; index += 2) {
    const place = { id: reply[index] ?? '', createdAt: Number(reply[index + 1]) % shelfSpan };
    if (after === undefined || comparePlaces(place, after) > 0) found.push(place);
  }
  return found.sort(comparePlaces);
}
