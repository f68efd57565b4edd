import type { MigrationStep } from '@musicgen/queue';
import { createProgressBar, type ProgressBar } from '../progress-bar.ts';

const labels: Record<MigrationStep, string> = {
  migrate: 'Migrating',
  verify: 'Verifying',
  remove: 'Removing',
};

/** A bar for each step of a migration, one below the other. */
export function createStepProgress(out: NodeJS.WriteStream) {
  let current: { step: MigrationStep; bar: ProgressBar } | undefined;
  const close = () => {
    current?.bar.close();
    current = undefined;
  };
  return {
    update(step: MigrationStep, done: number, total: number | undefined): void {
      if (total === undefined) return;
      if (current?.step !== step) {
        close();
        current = { step, bar: createProgressBar(labels[step], out, 'tasks') };
      }
      current.bar.update({ done: Math.min(done, total), total });
    },
    /** A line of its own, above the bar. */
    tell(line: string): void {
      if (out.isTTY) out.write('\r\x1b[2K');
      out.write(`${line}\n`);
    },
    close,
  };
}
