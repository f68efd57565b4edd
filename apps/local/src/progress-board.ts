import { styleText } from 'node:util';
import type { Task } from '@musicgen/contract';

/** One task on the board. */
export interface Row {
  label: string;
  task: Partial<Task>;
}

/** Shows a bar a task, redrawn in place on a terminal; elsewhere a line whenever a task's state changes. */
export interface ProgressBoard {
  update(label: string, change: Partial<Task>): void;
  close(): void;
}

const barWidth = 24;
const redrawMs = 200;

export function createProgressBoard(
  labels: string[],
  out: NodeJS.WriteStream = process.stdout,
): ProgressBoard {
  const rows = new Map<string, Row>(labels.map((label) => [label, { label, task: {} }]));
  return out.isTTY ? drawInPlace(rows, out) : printChanges(rows, out);
}

function drawInPlace(rows: Map<string, Row>, out: NodeJS.WriteStream): ProgressBoard {
  const draw = () => {
    const lines = [...rows.values()].map((row) => `\x1b[2K${describe(row)}\n`);
    out.write(lines.join(''));
  };
  const redraw = () => {
    out.write(`\x1b[${rows.size}A`);
    draw();
  };
  draw();
  const timer = setInterval(redraw, redrawMs);
  return {
    update: (label, change) => merge(rows, label, change),
    close() {
      clearInterval(timer);
      redraw();
    },
  };
}

function printChanges(rows: Map<string, Row>, out: NodeJS.WriteStream): ProgressBoard {
  return {
    update(label, change) {
      const before = rows.get(label);
      const was = before && milestone(before.task);
      const row = merge(rows, label, change);
      if (row && milestone(row.task) !== was) out.write(`${describe(row)}\n`);
    },
    close() {},
  };
}

/** What is worth a line of its own where nothing can be redrawn: another status, or another quarter. */
function milestone({ status, progress }: Partial<Task>): string {
  return `${status} ${Math.floor((progress?.ratio ?? 0) * 4)}`;
}

function merge(rows: Map<string, Row>, label: string, change: Partial<Task>): Row | undefined {
  const row = rows.get(label);
  if (row) row.task = { ...row.task, ...change };
  return row;
}

/** `  HIGH      ███████░░░░░░  54 %  ready in 3 s  generating`. */
export function describe({ label, task }: Row, now = Date.now()): string {
  const ratio = task.status === 'completed' ? 1 : (task.progress?.ratio ?? 0);
  const filled = Math.round(ratio * barWidth);
  const bar = `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)}`;
  return `  ${label.padEnd(10)}${styleText('cyan', bar)} ${String(Math.floor(ratio * 100)).padStart(3)} %  ${stateOf(task, now)}`;
}

function stateOf(task: Partial<Task>, now: number): string {
  switch (task.status) {
    case undefined:
      return '';
    case 'pending':
      return [task.queue ? `waiting, ${task.queue.ahead} ahead` : 'waiting', readyIn(task, now)]
        .filter(Boolean)
        .join(', ');
    case 'processing':
      return [task.stage?.replaceAll('_', ' ') ?? 'starting', readyIn(task, now)].filter(Boolean).join(', ');
    default:
      return task.error ? `${task.status}: ${task.error.detail}` : task.status;
  }
}

function readyIn({ eta }: Partial<Task>, now: number): string {
  if (!eta?.finish_at) return '';
  return `ready in ${Math.max(0, Math.ceil((Date.parse(eta.finish_at) - now) / 1000))} s`;
}
