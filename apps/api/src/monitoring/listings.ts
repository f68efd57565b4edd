import {
  type Priority,
  priorityNames,
  type queueListingSchema,
  type stalledTasksSchema,
} from '@musicgen/contract';
import type { QueueMonitor } from '@musicgen/queue';
import type { z } from 'zod';
import { presentListed } from '../task-view.ts';
import { secondsOrNull } from './views.ts';

/** The first tasks of a queue, each with its place. */
export async function listWaiting(
  monitor: QueueMonitor,
  { priority, limit }: { priority: Priority; limit: number },
): Promise<z.input<typeof queueListingSchema>> {
  const [queues, listed] = await Promise.all([monitor.queues(), monitor.waiting(priority, limit)]);
  const better = queues.slice(0, priorityNames.indexOf(priority));
  const ahead = better.reduce((sum, { waiting }) => sum + waiting, 0);
  const { waiting = 0, oldestAgeMs } = queues.find((queue) => queue.priority === priority) ?? {};
  const now = Date.now();
  const tasks = listed.map(({ task, queuedAt }, index) => ({
    record: task,
    place: { position: index + 1, ahead: ahead + index },
    extra: { queue_position: index + 1, queue_time: secondsSince(queuedAt, now) },
  }));
  return {
    priority,
    total_length: waiting,
    tasks: presentListed(tasks),
    oldest_task_age: secondsOrNull(oldestAgeMs),
  };
}

/** Attempts that have run for longer than `stall_timeout` seconds. */
export async function listStalled(
  monitor: QueueMonitor,
  { stall_timeout, limit }: { stall_timeout: number; limit: number },
): Promise<z.input<typeof stalledTasksSchema>> {
  const { total, tasks } = await monitor.stalled(stall_timeout * 1000, limit);
  const now = Date.now();
  const listed = tasks.map(({ task, claimedAt }) => ({
    record: task,
    extra: { stall_duration: secondsSince(claimedAt, now) },
  }));
  return { total_stalled: total, stall_timeout, tasks: presentListed(listed) };
}

/** Redis's clock and ours may differ by a little. */
function secondsSince(at: number, now: number): number {
  return Math.max(0, now - at) / 1000;
}
