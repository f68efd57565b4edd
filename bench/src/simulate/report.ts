import { percentile } from '../percentile.ts';
import type { Scenario } from './arrivals.ts';
import type { Moment, Simulated } from './run.ts';

const head = [
  'at most',
  'target',
  'calm',
  'tasks',
  'wait p50',
  'p95',
  'p99',
  'longest',
  'replicas mean',
  'most',
  'worker hours',
  'cost',
  'in use',
];

/** A row a run, as a table of Markdown that reads well on a terminal too. */
export function renderTable(runs: readonly Simulated[]): string {
  const rows = [head, ...runs.map(rowOf)];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padStart(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `|${widths.map((width) => `${'-'.repeat(width + 1)}:`).join('|')}|`;
  return [line(head), rule, ...rows.slice(1).map(line)].join('\n');
}

function rowOf({
  most,
  targetWaitSeconds,
  calmSeconds,
  outcomes,
  moments,
  workerHours,
  cost,
  utilisation,
}: Simulated): string[] {
  const waits = outcomes.map(({ waitedSeconds }) => waitedSeconds).sort((a, b) => a - b);
  const replicas = moments.map((moment) => moment.replicas);
  const mean = replicas.reduce((sum, count) => sum + count, 0) / replicas.length;
  return [
    String(most),
    `${targetWaitSeconds} s`,
    `${calmSeconds} s`,
    String(outcomes.length),
    ...[0.5, 0.95, 0.99].map((share) => inSeconds(percentile(waits, share))),
    inSeconds(waits.at(-1) ?? 0),
    mean.toFixed(1),
    String(Math.max(...replicas)),
    workerHours.toFixed(1),
    cost.toFixed(2),
    `${Math.round(utilisation * 100)} %`,
  ];
}

function inSeconds(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds)} s`;
}

const panel = { width: 820, height: 170, left: 60, right: 60, top: 30, bottom: 24 };
const colours = { replicas: '#4269d0', waiting: '#efb118' };

/** One panel a run: replicas, and tasks that wait, over the minutes. */
export function renderPlot(scenario: Scenario, runs: readonly Simulated[]): string {
  const panels = runs.map((run, index) => renderPanel(run, index * panel.height));
  const height = runs.length * panel.height + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${panel.width} ${height}" font-family="sans-serif" font-size="12"><title>${scenario.name}</title><rect width="100%" height="100%" fill="#fff"/>${panels.join('')}</svg>\n`;
}

function renderPanel({ most, targetWaitSeconds, moments }: Simulated, offset: number): string {
  const { width, height, left, right, top, bottom } = panel;
  const last = moments.at(-1)?.minute ?? 1;
  const x = (minute: number) => left + (minute / last) * (width - left - right);
  const line = (measure: (moment: Moment) => number, colour: string) => {
    const highest = Math.max(1, ...moments.map(measure));
    const y = (value: number) => height - bottom - (value / highest) * (height - top - bottom);
    const points = moments.map((moment) => `${x(moment.minute).toFixed(1)},${y(measure(moment)).toFixed(1)}`);
    return { highest, drawn: `<polyline fill="none" stroke="${colour}" points="${points.join(' ')}"/>` };
  };
  const replicas = line((moment) => moment.replicas, colours.replicas);
  const waiting = line((moment) => moment.waiting, colours.waiting);
  const text = (at: number, y: number, words: string, colour = '#333') =>
    `<text x="${at}" y="${y}" fill="${colour}">${words}</text>`;
  return `<g transform="translate(0 ${offset})">${[
    text(left, 18, `at most ${most} workers, target ${targetWaitSeconds} s`),
    text(left + 260, 18, 'replicas (left)', colours.replicas),
    text(left + 370, 18, 'waiting tasks (right)', colours.waiting),
    text(8, top + 8, String(replicas.highest), colours.replicas),
    text(width - right + 6, top + 8, String(waiting.highest), colours.waiting),
    text(left, height - 6, '0'),
    text(width - right - 40, height - 6, `${Math.round(last)} min`),
    replicas.drawn,
    waiting.drawn,
  ].join('')}</g>`;
}
