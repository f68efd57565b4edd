import type { QueryRange, Series } from './prometheus.ts';

/** As much of a Grafana panel as drawing it needs. */
export interface Panel {
  type: 'row' | 'stat' | 'timeseries' | 'heatmap';
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig?: { defaults?: { unit?: string } };
  targets?: { expr: string; legendFormat?: string }[];
}

/** A panel with what its queries answered. */
export interface DrawnPanel {
  panel: Panel;
  series: (Series & { name: string })[];
}

const cell = { width: 50, height: 30, gap: 4 };
const colours = [
  '#4269d0',
  '#efb118',
  '#ff725c',
  '#6cc5b0',
  '#3ca951',
  '#ff8ab7',
  '#a463f2',
  '#97bbf5',
  '#9c6b4e',
  '#9498a0',
];

/** The whole dashboard as one picture, every panel where Grafana puts it. */
export function drawDashboard(panels: readonly DrawnPanel[], range: QueryRange): string {
  const rows = Math.max(...panels.map(({ panel: { gridPos } }) => gridPos.y + gridPos.h));
  const [width, height] = [24 * cell.width, rows * cell.height];
  const body = panels.map((drawn) => drawPanel(drawn, range)).join('\n');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11"><title>The dashboard under load</title><rect width="100%" height="100%" fill="#f4f5f5"/>\n${body}\n</svg>\n`;
}

function drawPanel({ panel, series }: DrawnPanel, range: QueryRange): string {
  const { x, y, w, h } = panel.gridPos;
  const size = { width: w * cell.width - cell.gap, height: h * cell.height - cell.gap };
  const at = `<g transform="translate(${x * cell.width} ${y * cell.height})">`;
  if (panel.type === 'row')
    return `${at}<text x="8" y="20" font-size="14" font-weight="bold">${escapeText(panel.title)}</text></g>`;
  const frame = `<rect width="${size.width}" height="${size.height}" fill="#fff" stroke="#dde"/><text x="8" y="16" font-weight="bold">${escapeText(panel.title)}</text>`;
  const unit = panel.fieldConfig?.defaults?.unit ?? 'short';
  const draw = { stat: drawStat, timeseries: drawLines, heatmap: drawHeatmap }[panel.type];
  return `${at}${frame}${draw({ series, unit, size, range })}</g>`;
}

interface Drawing {
  series: DrawnPanel['series'];
  unit: string;
  size: { width: number; height: number };
  range: QueryRange;
}

function drawStat({ series, unit, size }: Drawing): string {
  const value = series[0]?.points.at(-1)?.[1];
  const text = value === undefined ? 'No data' : inUnit(value, unit);
  return `<text x="${size.width / 2}" y="${size.height / 2 + 18}" font-size="30" text-anchor="middle">${text}</text>`;
}

const margin = { left: 56, right: 10, top: 26, bottom: 34 };

function drawLines({ series, unit, size, range }: Drawing): string {
  const shown = series.filter(({ points }) => points.some(([, value]) => Number.isFinite(value)));
  if (shown.length === 0) return noData(size);
  const values = shown.flatMap(({ points }) => points.map(([, value]) => value)).filter(Number.isFinite);
  const highest = Math.max(...values) || 1;
  const { x, y } = scales(size, range, highest);
  const lines = shown.map(({ points }, index) => {
    const path = points
      .filter(([, value]) => Number.isFinite(value))
      .map(([at, value]) => `${x(at).toFixed(0)},${y(value).toFixed(1)}`);
    return `<polyline fill="none" stroke="${colourOf(index)}" stroke-width="1.5" points="${path.join(' ')}"/>`;
  });
  return `${axes(size, unit, highest)}${lines.join('')}${legend(shown, size)}`;
}

/** Buckets of a histogram come as running sums over `le`; a cell is darker the more fell into it. */
function drawHeatmap({ series, size, range }: Drawing): string {
  const sorted = [...series].sort((a, b) => edge(a) - edge(b));
  if (sorted.length === 0) return noData(size);
  const { x } = scales(size, range, 1);
  const rowHeight = (size.height - margin.top - margin.bottom) / sorted.length;
  const counts = sorted.map(({ points }, row) =>
    points.map(([at, value], index) => ({ at, count: value - (sorted[row - 1]?.points[index]?.[1] ?? 0) })),
  );
  const most = Math.max(1e-9, ...counts.flat().map(({ count }) => count));
  const cells = counts.flatMap((row, index) =>
    row
      .filter(({ count }) => count > 0)
      .map(({ at, count }) => {
        const top = size.height - margin.bottom - (index + 1) * rowHeight;
        return `<rect x="${x(at).toFixed(0)}" y="${top.toFixed(1)}" width="${(x(range.start + range.stepSeconds) - x(range.start)).toFixed(1)}" height="${rowHeight.toFixed(1)}" fill="#4269d0" fill-opacity="${(count / most).toFixed(2)}"/>`;
      }),
  );
  const labels = sorted.map(({ labels: { le = '' } }, index) => {
    const y = size.height - margin.bottom - index * rowHeight;
    return index % 3 === 0 ? `<text x="8" y="${y.toFixed(0)}" fill="#666">≤ ${escapeText(le)} s</text>` : '';
  });
  return `${cells.join('')}${labels.join('')}`;
}

function edge({ labels: { le } }: Series): number {
  return le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le);
}

function scales(size: Drawing['size'], { start, end }: QueryRange, highest: number) {
  const [wide, tall] = [size.width - margin.left - margin.right, size.height - margin.top - margin.bottom];
  return {
    x: (at: number) => margin.left + ((at - start) / (end - start)) * wide,
    y: (value: number) => size.height - margin.bottom - (value / highest) * tall,
  };
}

function axes(size: Drawing['size'], unit: string, highest: number): string {
  const floor = size.height - margin.bottom;
  return `<line x1="${margin.left}" x2="${size.width - margin.right}" y1="${floor}" y2="${floor}" stroke="#ccc"/><text x="8" y="${margin.top + 8}" fill="#666">${inUnit(highest, unit)}</text><text x="8" y="${floor}" fill="#666">0</text>`;
}

const mostInLegend = 6;

function legend(series: DrawnPanel['series'], size: Drawing['size']): string {
  const each = (size.width - 16) / Math.min(mostInLegend, series.length);
  const longest = Math.max(6, Math.floor(each / 6.2));
  const entries = series.slice(0, mostInLegend).map(({ name }, index) => {
    const text = name.length > longest ? `${name.slice(0, longest - 1)}…` : name;
    return `<text x="${8 + index * each}" y="${size.height - 8}" fill="${colourOf(index)}">${escapeText(text)}</text>`;
  });
  return entries.join('');
}

function noData(size: Drawing['size']): string {
  return `<text x="${size.width / 2}" y="${size.height / 2}" text-anchor="middle" fill="#999">No data</text>`;
}

function colourOf(index: number): string {
  return colours[index % colours.length] ?? '#000';
}

function inUnit(value: number, unit: string): string {
  const rounded = (number: number) => String(Number(number.toPrecision(3)));
  if (unit === 'percentunit') return `${rounded(value * 100)} %`;
  if (unit === 'bytes') return `${rounded(value / 2 ** 20)} MiB`;
  if (unit === 's') return value < 1 ? `${rounded(value * 1000)} ms` : `${rounded(value)} s`;
  if (unit === 'reqps') return `${rounded(value)}/s`;
  return rounded(value);
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
