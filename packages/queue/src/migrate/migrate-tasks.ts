import { ServiceError } from '@musicgen/contract';
import type { StreamsQueue } from '../streams/streams-queue.ts';
import { differences } from './compare-tasks.ts';
import { type MigratedTask, type SourceTask, UnfitTask } from './migrated-task.ts';
import {
  countMigrated,
  countSkipped,
  emptyReport,
  type MigrationReport,
  nameProblem,
  type TaskProblem,
} from './report.ts';
import type { TaskSource } from './task-source.ts';

/** What is being done. */
export type MigrationStep = 'migrate' | 'verify' | 'remove';

export interface MigrationOptions {
  source: TaskSource;
  /** Prepared, unless for a dry run: that writes nothing. */
  target: StreamsQueue;
  /** Only say what would happen. */
  dryRun?: boolean;
  /** Compare every task with the target's afterwards. */
  verify?: boolean;
  /** Remove from the source what was verified; nothing if anything failed. */
  cleanUp?: boolean;
  signal?: AbortSignal;
  /** After every page; `total` is undefined where only reading all would tell. */
  onProgress?: (step: MigrationStep, done: number, total: number | undefined) => void;
  /** A task was skipped, or is not in the target as it should be. */
  onProblem?: (problem: TaskProblem) => void;
}

/**
 * Brings every task of a source into a queue on Redis Streams. Broken off at any point and run again, it goes on where
 * it was, and no task is there twice. The source is only read, until `cleanUp` removes from it what was verified.
 * @throws ServiceError `dependency_unavailable` when source or target goes away, and what the signal was aborted with.
 */
export async function migrateTasks(options: MigrationOptions): Promise<MigrationReport> {
  const run = createRun(options);
  await run.bring();
  if (options.dryRun) return run.report;
  await run.order();
  await run.release();
  await run.remember();
  if (options.verify || options.cleanUp) await run.verify();
  if (options.cleanUp && run.report.failed === 0) await run.remove();
  return run.report;
}

function createRun({ source, target, dryRun = false, signal, onProgress, onProblem }: MigrationOptions) {
  const report = emptyReport();
  const mover = target.createMover();
  // One page is many calls at once; a slow server is waited for.
  const producer = target.createProducer({ timeoutMs: 60_000 });

  function tell(problem: TaskProblem): void {
    nameProblem(report, problem);
    onProblem?.(problem);
  }

  /** Every page of the source, with the progress told before and after it. */
  async function* pages(step: MigrationStep): AsyncGenerator<SourceTask[]> {
    const total = await source.count();
    let done = 0;
    onProgress?.(step, done, total);
    for await (const page of source.pages()) {
      signal?.throwIfAborted();
      yield page;
      done += page.length;
      onProgress?.(step, done, total);
    }
  }

  function skip({ name, read }: SourceTask): void {
    if (!(read instanceof UnfitTask)) return;
    countSkipped(report, read);
    tell({ name, reason: read.reason, detail: read.message });
  }

  async function whichCame(tasks: readonly MigratedTask[]): Promise<boolean[]> {
    if (!dryRun) return mover.takeOver(tasks);
    return (await mover.known(tasks.map(({ task }) => task.id))).map((known) => !known);
  }

  /** Why a task of the target is not what it should be, or undefined. */
  async function problemOf(name: string, expected: MigratedTask): Promise<TaskProblem | undefined> {
    const { id } = expected.task;
    const actual = await producer.get(id).catch((error: unknown) => {
      if (error instanceof ServiceError && error.code === 'corrupt_record') return error;
      throw error;
    });
    if (actual instanceof ServiceError) return { name, reason: 'unreadable_there', detail: actual.message };
    if (actual === undefined) {
      // It came, and was removed there when its time was over or because someone wanted it gone.
      if (await producer.wasRemoved(id)) return undefined;
      return { name, reason: 'not_there', detail: `The target has no task ${id}` };
    }
    const fields = differences(expected, actual);
    if (expected.notify !== (await producer.notice(id))) fields.push('webhook');
    if (fields.length === 0) return undefined;
    return { name, reason: 'differs', detail: `Task ${id} of the target has another ${fields.join(', ')}` };
  }

  /** The tasks of a page that the target has as they should be; the others are told of. */
  async function verifiedOf(page: readonly SourceTask[]): Promise<SourceTask[]> {
    const checked = await Promise.all(
      page.map(async (task) => {
        if (task.read instanceof UnfitTask) return [];
        const problem = await problemOf(task.name, task.read);
        if (problem === undefined) return [task];
        report.failed += 1;
        tell(problem);
        return [];
      }),
    );
    return checked.flat();
  }

  return {
    report,

    async bring() {
      for await (const page of pages('migrate')) {
        report.total += page.length;
        page.forEach(skip);
        const tasks = page.flatMap(({ read }) => (read instanceof UnfitTask ? [] : [read]));
        const came = await whichCame(tasks);
        for (const [index, task] of tasks.entries()) {
          if (came[index]) countMigrated(report, task);
          else report.alreadyThere += 1;
        }
      }
    },

    async order() {
      for await (const places of source.places()) {
        signal?.throwIfAborted();
        await mover.place(places);
      }
    },

    async release() {
      while ((await mover.unpark()) > 0) signal?.throwIfAborted();
    },

    async remember() {
      for await (const remembered of source.remembered()) {
        signal?.throwIfAborted();
        await mover.remember(remembered);
      }
    },

    async verify() {
      for await (const page of pages('verify')) report.verified += (await verifiedOf(page)).length;
    },

    /** Verified once more, page by page: between the first look and this one, someone may have changed something. */
    async remove() {
      for await (const page of pages('remove')) {
        const verified = await verifiedOf(page);
        if (report.failed > 0) return;
        await source.remove?.(verified);
        report.removed += verified.length;
      }
      await source.sweep?.();
    },
  };
}
