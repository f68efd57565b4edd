import { type Priority, priorityNames } from '@musicgen/contract';
import type { Backlog, RunningTask } from '../queue-monitor.ts';
import type { QueueContext } from './context.ts';
import { backlogScript } from './scripts/backlog.lua.ts';

type BacklogReply = [
  now: string,
  waiting: (string | number)[],
  processing: number,
  running: string[][],
  paused: string[],
];

export async function readBacklog({ run }: QueueContext): Promise<Backlog> {
  const [now, counts, processing, running, paused] = (await run(backlogScript, [])) as BacklogReply;
  const none = () => ({ tasks: 0, cost: 0 });
  const waiting = { CRITICAL: none(), HIGH: none(), NORMAL: none(), LOW: none() };
  for (let index = 0; index + 2 < counts.length; index += 3) {
    const [priority, tasks, cost] = counts.slice(index, index + 3) as [Priority, number, string];
    waiting[priority] = { tasks, cost: tasks > 0 ? Math.max(0, Number(cost)) : 0 };
  }
  return {
    at: Number(now),
    waiting,
    processing,
    running: running.map(runningTask),
    paused: priorityNames.filter((priority) => paused.includes(priority)),
  };
}

function runningTask([id = '', claimedAt, worker, cost, updatedAt, remainingMs]: string[]): RunningTask {
  return {
    id,
    claimedAt: Math.floor(Number(claimedAt)),
    ...(worker && { worker }),
    ...(cost && { cost: Number(cost) }),
    ...(updatedAt && remainingMs && { updatedAt: Number(updatedAt), remainingMs: Number(remainingMs) }),
  };
}
