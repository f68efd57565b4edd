import { styleText } from 'node:util';
import type { Task } from '@musicgen/client';
import { withoutWrapping } from './format.ts';

/** One task on the board; an empty label is not shown. */
export interface Row {
  label: string;
  task: Partial<Task>;
}

/** Shows a bar a task, redrawn in place on a terminal; elsewhere a line whenever a task's state changes. */
export interface TaskBoard {
  update(label: string, change: Partial<Task>): void;
  close(): void;
}

const barWidth = 24;
const redrawMs = 200;
/** More rows than this are summed up: what has scrolled away cannot be redrawn. */
const mostRows = 10;

export function createTaskBoard(labels: string[], out: NodeJS.WriteStream = process.stdout): TaskBoard {
  const rows = new Map<string, Row>(labels.map((label) => [label, { label, task: {} }]));
  return out.isTTY ? drawInPlace(rows, out) : printChanges(rows, out);
}

function drawInPlace(rows: Map<string, Row>, out: NodeJS.WriteStream): TaskBoard {
  const height = Math.min(rows.size, mostRows, Math.max(1, (out.rows || 24) - 2));
  const draw = () => {
    const lines = visibleLines([...rows.values()], height, out).map((line) => `\x1b[2K${line}\n`);
    return withoutWrapping(lines.join(''));
  };
  const redraw = () => out.write(`\x1b[${height}A${draw()}`);
  out.write(draw());
  const timer = setInterval(redraw, redrawMs);
  return {
    update: (label, change) => merge(rows, label, change),
    close() {
      clearInterval(timer);
      redraw();
    },
  };
}

/** All rows where they fit; else how many are done, and those that are not. */
function visibleLines(rows: Row[], height: number, out: NodeJS.WriteStream): string[] {
  const lineOf = (row: Row) => describe(row, { out });
  if (rows.length <= height) return rows.map(lineOf);
  const open = rows.filter(({ task }) => !hasEnded(task));
  const sum = `  ${rows.length - open.length} of ${rows.length} done`;
  return [sum, ...Array.from({ length: height - 1 }, (_, index) => (open[index] ? lineOf(open[index]) : ''))];
}

function printChanges(rows: Map<string, Row>, out: NodeJS.WriteStream): TaskBoard {
  return {
    update(label, change) {
      const before = rows.get(label);
      const was = before && milestone(before.task);
      const row = merge(rows, label, change);
      if (row && milestone(row.task) !== was) out.write(`${describe(row, { out })}\n`);
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

function hasEnded({ status }: Partial<Task>): boolean {
  return status !== undefined && status !== 'pending' && status !== 'processing';
}

/** `  HIGH      ███████░░░░░░  54 %  ready in 3 s  generating`. */
export function describe(
  { label, task }: Row,
  { now = Date.now(), out = process.stdout }: { now?: number; out?: NodeJS.WriteStream } = {},
): string {
  const ratio = task.status === 'completed' ? 1 : (task.progress?.ratio ?? 0);
  const filled = Math.round(ratio * barWidth);
  const bar = styleText('cyan', `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)}`, { stream: out });
  const name = label === '' ? '' : label.padEnd(10);
  return `  ${name}${bar} ${String(Math.floor(ratio * 100)).padStart(3)} %  ${stateOf(task, now)}`;
}

function stateOf(task: Partial<Task>, now: number): string {
  switch (task.status) {
    case undefined:
      return '';
    case 'pending':
      return [waitingAs(task), readyIn(task, now)].filter(Boolean).join(', ');
    case 'processing':
      return [task.stage?.replaceAll('_', ' ') ?? 'starting', readyIn(task, now)].filter(Boolean).join(', ');
    default:
      return task.error ? `${task.status}: ${task.error.detail}` : task.status;
  }
}

function waitingAs({ queue }: Partial<Task>): string {
  return queue ? `waiting, ${queue.ahead} ahead` : 'waiting';
}

function readyIn({ eta }: Partial<Task>, now: number): string {
  if (!eta?.finish_at) return '';
  return `ready in ${Math.max(0, Math.ceil((Date.parse(eta.finish_at) - now) / 1000))} s`;
}
