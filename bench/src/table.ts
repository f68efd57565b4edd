import { writeFileSync } from 'node:fs';

export interface Row {
  name: string;
  ours: number;
  /** Undefined where there is nothing to compare with. */
  peer: number | undefined;
  /** Ours ÷ the peer's. */
  ratio: number | undefined;
  /** What ours must reach. */
  target: number | undefined;
  better: 'higher' | 'lower';
}

export function ratioOf(ours: number, peer: number | undefined): number | undefined {
  return peer === undefined || peer === 0 ? undefined : ours / peer;
}

export function meetsTarget({ ours, target, better }: Row): boolean {
  if (target === undefined) return true;
  return better === 'higher' ? ours >= target : ours <= target;
}

/** The rows as a Markdown table; one that misses its target is marked. */
export function tableText(rows: readonly Row[], names: { ours: string; peer: string }): string {
  const cells = rows.map((row) => [
    row.name,
    `${show(row.ours)}${meetsTarget(row) ? '' : ' ✗'}`,
    show(row.peer),
    row.ratio === undefined ? '' : row.ratio.toFixed(2),
    row.target === undefined ? '' : `${row.better === 'higher' ? '≥' : '≤'} ${show(row.target)}`,
  ]);
  const head = ['', names.ours, names.peer, 'ratio', 'target'];
  const widths = head.map((_, column) =>
    Math.max(3, ...[head, ...cells].map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => pad(cell, widths[column] ?? 0, column)).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => (column === 0 ? `${'-'.repeat(width + 2)}` : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [line(head), rule, ...cells.map(line)].join('\n');
}

export function writeRows(file: string, rows: readonly Row[]): void {
  writeFileSync(file, `${JSON.stringify({ rows }, null, 2)}\n`);
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}

/** Three significant digits for small figures, whole numbers with thousands apart for large ones. */
function show(value: number | undefined): string {
  if (value === undefined) return '';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en').replaceAll(',', ' ');
  return String(Number(value.toPrecision(3)));
}
