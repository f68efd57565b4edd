import { type Priority, priorityNames, type TaskStatus, taskStatuses } from '@musicgen/contract';
import type { MigratedTask, SkipReason, UnfitTask } from './migrated-task.ts';

/** How many tasks of a report are named; all are counted. */
const namedTasks = 1000;

/** Something about one task that people should look at. */
export interface TaskProblem {
  /** Its key or line in the source. */
  name: string;
  reason: SkipReason | 'not_there' | 'differs' | 'unreadable_there';
  detail: string;
}

/** What a migration did, or, as a dry run, would do. */
export interface MigrationReport {
  /** Tasks of the source. */
  total: number;
  migrated: number;
  /** Brought by an earlier run. */
  alreadyThere: number;
  skipped: number;
  skippedBecause: Partial<Record<SkipReason, number>>;
  /** Not in the target as they should be. */
  failed: number;
  /** Compared and found right; 0 without verification. */
  verified: number;
  /** Removed from the source. */
  removed: number;
  /** What the migrated tasks are in the target. */
  tasks: Record<TaskStatus, Record<Priority, number>>;
  /** Tasks whose id had to change: from the old to the new. The first 1000. */
  renamed: { from: string; to: string }[];
  /** The first 1000 tasks that were skipped or failed. */
  problems: TaskProblem[];
}

export function emptyReport(): MigrationReport {
  const none = () => Object.fromEntries(priorityNames.map((name) => [name, 0])) as Record<Priority, number>;
  return {
    total: 0,
    migrated: 0,
    alreadyThere: 0,
    skipped: 0,
    skippedBecause: {},
    failed: 0,
    verified: 0,
    removed: 0,
    tasks: Object.fromEntries(taskStatuses.map((status) => [status, none()])) as MigrationReport['tasks'],
    renamed: [],
    problems: [],
  };
}

/** Counts a task that came, or would. */
export function countMigrated(report: MigrationReport, { task, renamedFrom }: MigratedTask): void {
  report.migrated += 1;
  report.tasks[task.status][task.priority] += 1;
  if (renamedFrom !== undefined && report.renamed.length < namedTasks)
    report.renamed.push({ from: renamedFrom, to: task.id });
}

export function countSkipped(report: MigrationReport, { reason }: UnfitTask): void {
  report.skipped += 1;
  report.skippedBecause[reason] = (report.skippedBecause[reason] ?? 0) + 1;
}

export function nameProblem(report: MigrationReport, problem: TaskProblem): void {
  if (report.problems.length < namedTasks) report.problems.push(problem);
}
