import type { FleetState } from '@musicgen/api/estimator';
import { costOf, outlookOf } from '@musicgen/api/outlook';
import { type Priority, priorityNames } from '@musicgen/contract';
import type { Arrival, Scenario } from './arrivals.ts';

/** A task, and how much of its audio is still to be made. */
interface Task extends Arrival {
  leftSeconds: number;
  startedAt?: number;
  claimedAt: number;
}

interface Worker {
  id: string;
  readyAt: number;
  /** Told to stop: takes nothing more, and goes when it is done. */
  isDraining: boolean;
  tasks: Task[];
}

/** What became of one task. */
export interface Outcome {
  priority: Priority;
  atSecond: number;
  waitedSeconds: number;
  tookSeconds: number;
}

/** Seconds that a worker which is told to stop may go on; what does not fit is handed back with its checkpoint. */
const graceSeconds = 30;
const speedWindowSeconds = 3600;

/**
 * Workers and queues in steps of a second: the best waiting task goes to an idle slot, a worker's tasks share its steps,
 * one that is stopped hands back what it does not finish, to where it stood and with what was made of it.
 */
export function createFleet({ worker: kind }: Scenario) {
  const waiting: Record<Priority, Task[]> = { CRITICAL: [], HIGH: [], NORMAL: [], LOW: [] };
  const outcomes: Outcome[] = [];
  const finished: { at: number; audioSeconds: number; busySeconds: number }[] = [];
  let workers: Worker[] = [];
  let started = 0;

  const isWorking = (worker: Worker, now: number) => !worker.isDraining && worker.readyAt <= now;
  const count = () => workers.filter(({ isDraining }) => !isDraining).length;

  /** Seconds of audio in a second, of each of so many tasks that a worker has. */
  function speedOfEach(tasks: number): number {
    if (kind.slots === 1) return kind.alone;
    const full = kind.all / kind.slots;
    return kind.alone + ((full - kind.alone) * (tasks - 1)) / (kind.slots - 1);
  }

  function nextTask(): Task | undefined {
    for (const priority of priorityNames) {
      const task = waiting[priority].shift();
      if (task) return task;
    }
    return undefined;
  }

  function claimFor(worker: Worker, now: number): void {
    while (worker.tasks.length < kind.slots) {
      const task = nextTask();
      if (task === undefined) return;
      task.startedAt ??= now;
      task.claimedAt = now;
      worker.tasks.push(task);
    }
  }

  function work(worker: Worker, now: number): void {
    const speed = speedOfEach(worker.tasks.length);
    for (const task of worker.tasks) task.leftSeconds -= speed;
    for (const task of worker.tasks.filter(({ leftSeconds }) => leftSeconds <= 0)) finish(task, now);
    worker.tasks = worker.tasks.filter(({ leftSeconds }) => leftSeconds > 0);
  }

  function finish({ priority, atSecond, seconds, startedAt = 0, claimedAt }: Task, now: number): void {
    outcomes.push({
      priority,
      atSecond,
      waitedSeconds: startedAt - atSecond,
      tookSeconds: now + 1 - atSecond,
    });
    finished.push({ at: now, audioSeconds: seconds, busySeconds: now + 1 - claimedAt });
  }

  function stop(worker: Worker): void {
    worker.isDraining = true;
    const speed = speedOfEach(worker.tasks.length);
    const fits = worker.tasks.filter(({ leftSeconds }) => leftSeconds / speed <= graceSeconds);
    for (const task of worker.tasks.filter((held) => !fits.includes(held)).reverse())
      waiting[task.priority].unshift(task);
    worker.tasks = fits;
  }

  function measuredSpeed(now: number): number | undefined {
    while (finished[0] && finished[0].at < now - speedWindowSeconds) finished.shift();
    const audio = finished.reduce((sum, { audioSeconds }) => sum + audioSeconds, 0);
    return audio === 0 ? undefined : audio / finished.reduce((sum, { busySeconds }) => sum + busySeconds, 0);
  }

  return {
    outcomes,
    count,
    /** Containers that cost: those that start and those that still drain too. */
    paidFor: () => workers.length,
    isIdle: () =>
      priorityNames.every((name) => waiting[name].length === 0) &&
      workers.every(({ tasks }) => tasks.length === 0),

    submit(arrival: Arrival): void {
      waiting[arrival.priority].push({ ...arrival, leftSeconds: arrival.seconds, claimedAt: 0 });
    },

    /** Starts workers, or stops some: which, a scaler cannot choose. */
    resize(wanted: number, now: number, random: () => number): void {
      for (let missing = wanted - count(); missing > 0; missing -= 1) {
        started += 1;
        workers.push({
          id: String(started),
          readyAt: now + (now < 0 ? 0 : kind.start_seconds),
          isDraining: false,
          tasks: [],
        });
      }
      for (let excess = count() - wanted; excess > 0; excess -= 1) {
        const staying = workers.filter(({ isDraining }) => !isDraining);
        stop(staying[Math.floor(random() * staying.length)] as Worker);
      }
    },

    /** One second. */
    tick(now: number): void {
      for (const worker of workers) if (isWorking(worker, now)) claimFor(worker, now);
      for (const worker of workers) work(worker, now);
      workers = workers.filter(({ isDraining, tasks }) => !isDraining || tasks.length > 0);
    },

    /** What the API knows of the fleet, by the API's own code. */
    state(now: number): FleetState {
      const live = workers
        .filter(({ readyAt }) => readyAt <= now)

        .map(({ id, isDraining }) => ({
          id,
          slots: kind.slots,
          priorities: priorityNames,
          draining: isDraining,
          speed: { alone: kind.alone, full: kind.all / kind.slots },
        }));
      const at = now * 1000;
      const held = workers.flatMap(({ id, tasks }) =>
        tasks.map((task) => ({ id, task, among: tasks.length })),
      );
      const running = held
        .map(({ id, task, among }, index) => ({
          id: String(index),
          claimedAt: task.claimedAt * 1000,
          worker: id,
          cost: costOf(task.seconds),
          updatedAt: at,
          remainingMs: (task.leftSeconds / speedOfEach(among)) * 1000,
        }))
        .sort((a, b) => a.claimedAt - b.claimedAt)
        .slice(0, 100);
      const workOf = (priority: Priority) => ({
        tasks: waiting[priority].length,
        cost: waiting[priority].reduce((sum, { seconds }) => sum + costOf(seconds), 0),
      });
      const backlog = {
        at,
        waiting: {
          CRITICAL: workOf('CRITICAL'),
          HIGH: workOf('HIGH'),
          NORMAL: workOf('NORMAL'),
          LOW: workOf('LOW'),
        },
        processing: held.length,
        running,
        paused: [],
      };
      const slotSpeed = measuredSpeed(now);
      return {
        workers: live,
        outlook: outlookOf({ backlog, workers: live, measuredSpeed: slotSpeed }),
        processing: held.length,
        waiting: priorityNames.reduce((sum, name) => sum + waiting[name].length, 0),
        slotSpeed,
      };
    },
  };
}
