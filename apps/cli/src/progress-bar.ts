import { formatBytes, formatSeconds } from './format.ts';

export interface Progress {
  done: number;
  total: number;
}

/** What is counted, and how an amount of it is written. */
export type Unit = keyof typeof amounts;

const amounts = {
  bytes: formatBytes,
  tasks: (count: number) => `${count} tasks`,
};

export interface ProgressBar {
  update(progress: Progress): void;
  /** Leaves the last state on its line. */
  close(): void;
}

const barWidth = 24;
const redrawMs = 100;

/** A bar that is redrawn in place on a terminal; elsewhere one line for every tenth. */
export function createProgressBar(label: string, out: NodeJS.WriteStream, unit: Unit = 'bytes'): ProgressBar {
  const startedAt = performance.now();
  /** What was there at the start, of an earlier run, says nothing about the speed. */
  let first: Progress | undefined;
  let last: Progress | undefined;
  const show = out.isTTY ? drawInPlace(out) : printTenths(out);
  const text = (progress: Progress) =>
    describeProgress(label, progress, {
      seconds: (performance.now() - startedAt) / 1000,
      doneAtStart: first?.done ?? 0,
      unit,
    });
  return {
    update(progress) {
      first ??= progress;
      last = progress;
      show.update(progress, text);
    },
    close() {
      if (last) show.close(text(last));
    },
  };
}

interface Display {
  update(progress: Progress, text: (progress: Progress) => string): void;
  close(text: string): void;
}

function drawInPlace(out: NodeJS.WriteStream): Display {
  let drawnAt = Number.NEGATIVE_INFINITY;
  // A line that wraps could not be redrawn.
  const draw = (text: string) => out.write(`\r\x1b[2K${text.slice(0, (out.columns ?? 80) - 1)}`);
  return {
    update(progress, text) {
      if (performance.now() - drawnAt < redrawMs) return;
      drawnAt = performance.now();
      draw(text(progress));
    },
    close(text) {
      draw(text);
      out.write('\n');
    },
  };
}

function printTenths(out: NodeJS.WriteStream): Display {
  let printed = -1;
  return {
    update(progress, text) {
      const tenth = Math.floor(ratioOf(progress) * 10);
      if (tenth <= printed) return;
      printed = tenth;
      out.write(`${text(progress)}\n`);
    },
    close() {},
  };
}

/** `Downloading  ████████░░░░░░░░  33 %  0.77 of 2.31 GB  24 MB/s  1 min 04 s left`. */
export function describeProgress(
  label: string,
  progress: Progress,
  { seconds, doneAtStart, unit = 'bytes' }: { seconds: number; doneAtStart: number; unit?: Unit },
): string {
  const amount = amounts[unit];
  const ratio = ratioOf(progress);
  const filled = Math.floor(ratio * barWidth);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)}`;
  const speed = seconds > 0 ? (progress.done - doneAtStart) / seconds : 0;
  return [
    `${label}  ${bar} ${String(Math.floor(ratio * 100)).padStart(3)} %`,
    `${amount(progress.done)} of ${amount(progress.total)}`,
    ...(speed > 0 ? [`${amount(Math.round(speed))}/s`] : []),
    ...(speed > 0 && ratio < 1 ? [`${formatSeconds((progress.total - progress.done) / speed)} left`] : []),
  ].join('  ');
}

function ratioOf({ done, total }: Progress): number {
  return total > 0 ? Math.min(1, done / total) : 1;
}
