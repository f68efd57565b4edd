import { priorityNames, type TaskStatus, taskStatuses } from '@musicgen/contract';
import { mostAtOnce } from '../admission.ts';
import { performanceOf } from '../performance.ts';
import type { AgeCount, Backlog, QueueDepth, QueueMonitor } from '../queue-monitor.ts';
import { countOf } from '../tally.ts';
import {
  type HeldTask,
  type InProcessContext,
  isWaiting,
  statusIs,
  waitingByPriority,
  waitingIn,
} from './context.ts';

/** Looks at the queue by walking its tasks; what happened before now, it counts as it happens. */
export function createMonitor(context: InProcessContext): QueueMonitor {
  const { tasks, paused, now, tallies, log, store } = context;
  const all = () => [...tasks.values()];
  const processing = () =>
    all()
      .filter(statusIs('processing'))
      .sort((a, b) => (a.claimedAt ?? 0) - (b.claimedAt ?? 0));

  function depths(): QueueDepth[] {
    const running = processing();
    return [...waitingByPriority(context)].map(([priority, line]) => {
      const [oldest] = line;
      return {
        priority,
        waiting: line.length,
        running: running.filter(({ task }) => task.priority === priority).length,
        ...(oldest && { oldestAgeMs: Math.max(0, now() - Math.floor(oldest.queuedAt ?? 0)) }),
        paused: paused.has(priority),
      };
    });
  }

  function backlog(): Backlog {
    const waiting = [...waitingByPriority(context)].map(([priority, line]) => [
      priority,
      { tasks: line.length, cost: line.reduce((sum, { task: { cost = 0 } }) => sum + cost, 0) },
    ]);
    const running = processing();
    return {
      at: now(),
      waiting: Object.fromEntries(waiting) as Backlog['waiting'],
      processing: running.length,
      running: running.slice(0, mostAtOnce).map(({ task, claimedAt = 0 }) => ({
        id: task.id,
        claimedAt,
        ...(task.worker !== undefined && { worker: task.worker }),
        ...(task.cost !== undefined && { cost: task.cost }),
        ...(task.progress?.remainingMs !== undefined && {
          updatedAt: task.updatedAt,
          remainingMs: task.progress.remainingMs,
        }),
      })),
      paused: priorityNames.filter((priority) => paused.has(priority)),
    };
  }

  return {
    queues: async () => depths(),
    backlog: async () => backlog(),
    delayed: async () => all().filter((held) => statusIs('pending')(held) && !isWaiting(held)).length,
    deadLetters: async () => all().filter(({ deadSince }) => deadSince !== undefined).length,

    async counts() {
      const counted = Object.fromEntries(taskStatuses.map((status) => [status, 0]));
      for (const { task } of tasks.values()) counted[task.status] = (counted[task.status] ?? 0) + 1;
      return counted as Record<TaskStatus, number>;
    },

    async existing() {
      const byPriority = { CRITICAL: 0, HIGH: 0, NORMAL: 0, LOW: 0 };
      for (const { task } of tasks.values()) byPriority[task.priority] += 1;
      return { byPriority, byAge: countByAge(all(), now()) };
    },

    performance: async (windowMs) => performanceOf(tallies.ofWindow(windowMs), windowMs),
    totals: async () => tallies.total(),
    trends: async (hours) =>
      [...tallies.hours(hours)].map(([hour, tally]) => ({
        startsAt: hour * 3_600_000,
        created: countOf(tally, 'created'),
        completed: countOf(tally, 'completed'),
        failed: countOf(tally, 'failed'),
      })),

    waiting: async (priority, limit) =>
      waitingIn(context, priority)
        .slice(0, limit)
        .map(({ task, queuedAt = 0 }) => ({ task, queuedAt: Math.floor(queuedAt) })),

    async stalled(longerThanMs, limit) {
      const long = processing().filter(({ claimedAt = 0 }) => claimedAt <= now() - longerThanMs);
      const page = long.slice(0, limit).map(({ task, claimedAt = 0 }) => ({ task, claimedAt }));
      return { total: long.length, tasks: page };
    },

    async workers() {
      const running = processing();
      return [...context.workers].map(([id, { seenAt, description }]) => ({
        id,
        seenAt,
        draining: false,
        holding: running.filter(({ task }) => task.worker === id).length,
        description,
      }));
    },

    readableStreams: async () => priorityNames.length,
    lifecycle: async () => log.bounds(),
    server: () => store.server(),
    async whenOutlived(share) {
      const times = all()
        .map(({ task }) => task.expiresAt)
        .sort((a, b) => a - b);
      return times[Math.max(0, Math.ceil(share * times.length) - 1)];
    },
    cleanedAt: async () => context.cleanedAt,
  };
}

const minuteMs = 60_000;
const ages = [0, 1, 5, 15, 60, 360, 1440];

function countByAge(tasks: readonly HeldTask[], now: number): AgeCount[] {
  return ages.map((fromMinutes, index) => {
    const below = ages[index + 1] ?? Number.POSITIVE_INFINITY;
    const isBetween = ({ task }: HeldTask) => {
      const minutes = (now - task.createdAt) / minuteMs;
      return minutes >= fromMinutes && minutes < below;
    };
    return { fromMinutes, count: tasks.filter(isBetween).length };
  });
}
