import { readFileSync, writeFileSync } from 'node:fs';
import { type Check, controlBounds, passes } from './checks.ts';

const begin = '<!-- measured by npm run model:eval -->';
const end = '<!-- end of measured -->';

/** The checks as a Markdown table. */
export function table(checks: Check[]): string {
  const rows = checks.map((check) => {
    const sign = check.direction === 'at least' ? '≥' : '≤';
    const cells = [
      check.number,
      check.what,
      check.on,
      `${sign} ${show(check.bound, check.unit)}`,
      `${show(check.value, check.unit)}${passes(check) ? '' : ' ✗'}`,
      check.control === undefined ? '' : show(check.control, check.unit),
      String(check.cases),
    ];
    return `| ${cells.join(' | ')} |`;
  });
  return [
    '| # | check | on | bound | measured | shuffled prompts | cases |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

/** What keeps the run from passing, a sentence each. */
export function failures(checks: Check[]): string[] {
  const missed = checks
    .filter((check) => !passes(check))
    .map((check) => `${check.number} ${check.what}: ${show(check.value, check.unit)}`);
  const unproven = checks
    .filter(({ number, control = 0 }) => control > (controlBounds[number] ?? 1))
    .map((check) => `${check.number}: shuffled prompts score ${show(check.control, check.unit)}`);
  return [...missed, ...unproven];
}

/** Puts the table between the two markers of a Markdown file. */
export function writeInto(file: string, text: string): void {
  const content = readFileSync(file, 'utf8');
  const from = content.indexOf(begin);
  const to = content.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} has no place for the table: ${begin} … ${end}`);
  writeFileSync(file, `${content.slice(0, from + begin.length)}\n\n${text}\n\n${content.slice(to)}`);
}

function show(value: number | undefined, unit: Check['unit']): string {
  if (value === undefined) return '–';
  if (unit === 'share') return value.toFixed(3).replace(/\.?0+$/, '') || '0';
  return `${value.toFixed(1)} ${unit}`;
}
