import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { theme } from '../theme.ts';

/** One line or row of bars. */
export interface Series {
  label: string;
  /** The custom property of its colour. */
  colour: '--accent' | '--good' | '--bad' | '--soft';
  values: (number | null)[];
}

interface ChartProps {
  title: string;
  unit: string;
  /** Unix seconds. */
  times: number[];
  series: Series[];
  isBars?: boolean;
  /** What stands there while there is nothing to draw. */
  empty: string;
}

const height = 190;

export function Chart({ title, unit, times, series, isBars = false, empty }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const isEmpty = times.length === 0;
  const data: uPlot.AlignedData = [times, ...series.map(({ values }) => values)];
  const { value: themeNow } = theme;

  useEffect(() => {
    const element = box.current;
    if (element === null || isEmpty) return;
    plot.current = new uPlot(optionsOf({ element, unit, series, isBars }), data, element);
    const resize = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      plot.current?.destroy();
    };
  }, [isEmpty, themeNow]);
  useEffect(() => plot.current?.setData(data));

  return (
    <figure class="panel chart">
      <figcaption>
        <h2>{title}</h2>
        <ul class="legend">
          {series.map(({ label, colour, values }) => (
            <li key={label}>
              <span class="swatch" style={{ background: `var(${colour})` }} />
              {label} <strong>{latestOf(values, unit)}</strong>
            </li>
          ))}
        </ul>
      </figcaption>
      {isEmpty ? <p class="soft">{empty}</p> : <div ref={box} class="plot" aria-hidden="true" />}
    </figure>
  );
}

function latestOf(values: readonly (number | null)[], unit: string): string {
  const latest = values.findLast((value) => value !== null);
  return latest === undefined || latest === null ? '' : `${rounded(latest)} ${unit}`.trim();
}

function rounded(value: number): string {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toFixed(1)));
}

function optionsOf({
  element,
  unit,
  series,
  isBars,
}: Pick<ChartProps, 'unit' | 'series'> & { element: HTMLElement; isBars: boolean }): uPlot.Options {
  const colour = (name: string) => getComputedStyle(element).getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: colour('--soft'),
    font: `12px ${getComputedStyle(element).fontFamily}`,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  const bars = uPlot.paths.bars?.({ size: [0.7, 40] });
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, (high ?? 0) * 1.1)] } },
    axes: [
      { ...axis, grid: { show: false }, space: 70 },
      {
        ...axis,
        size: 52,
        values: (_plot, ticks) => ticks.map((tick) => `${rounded(tick)}${unit === 's' ? ' s' : ''}`),
      },
    ],
    series: [
      {},
      ...series.map(({ label, colour: name }, index) => ({
        label,
        stroke: colour(name),
        width: isBars ? 0 : 2,
        spanGaps: true,
        points: { show: false },
        ...(isBars && index === 0 && bars ? { paths: bars, fill: colour(name) } : {}),
        ...(isBars && index > 0 ? { width: 2 } : {}),
      })),
    ],
  };
}
