import { priorityNames, taskStatuses } from '@musicgen/contract';
import type { MigrationReport } from '@musicgen/queue';
import { formatTable } from '../format.ts';

/** What was migrated from where to where. */
export interface RunDescription {
  source: string;
  target: string;
  dryRun: boolean;
}

/** A report for people. */
export function describeReport(report: MigrationReport, { source, target, dryRun }: RunDescription): string {
  const { total, migrated, alreadyThere, skipped, failed, verified, removed, renamed } = report;
  const would = dryRun ? 'would be ' : '';
  const reasons = Object.entries(report.skippedBecause).map(([reason, count]) => `${reason} ${count}`);
  const lines = [
    `${source} → ${target}${dryRun ? ' (dry run: nothing was written)' : ''}`,
    '',
    describeTasks(report),
    '',
    `tasks ${total}: ${migrated} ${would}migrated, ${alreadyThere} already there, ${skipped} ${would}skipped, ${failed} failed`,
    ...(reasons.length > 0 ? [`skipped because: ${reasons.join(', ')}`] : []),
    ...(renamed.length > 0 ? [`${renamed.length} with a new id, their old one in metadata.task_id`] : []),
    ...(verified > 0 ? [`${verified} compared and found right`] : []),
    ...(removed > 0 ? [`${removed} removed from the source`] : []),
  ];
  return lines.join('\n');
}

/** What is not in the target as it should be, in one sentence; undefined when everything is. */
export function problemSummary({ skipped, failed }: MigrationReport): string | undefined {
  if (skipped + failed === 0) return undefined;
  return `Not every task is in the target as it should be: ${skipped} skipped, ${failed} failed; the report names them`;
}

function describeTasks({ tasks }: MigrationReport): string {
  const rows = taskStatuses.map((status) => [
    status,
    ...priorityNames.map((name) => String(tasks[status][name])),
  ]);
  return formatTable([['', ...priorityNames], ...rows.filter(([status]) => status !== 'processing')]);
}

/** A report for programs. */
export function jsonReport(report: MigrationReport, { source, target, dryRun }: RunDescription): string {
  const { alreadyThere, skippedBecause, ...rest } = report;
  return JSON.stringify(
    {
      source,
      target,
      dry_run: dryRun,
      ...rest,
      already_there: alreadyThere,
      skipped_because: skippedBecause,
    },
    undefined,
    2,
  );
}
