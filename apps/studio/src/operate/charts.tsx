import type { TaskTrends } from '@musicgen/client';
import { Chart } from './chart.tsx';
import { looks } from './desk.ts';
import { throughputOf } from './rates.ts';

const soon = 'The line begins with the second look, in a few seconds.';

/** Tasks coming and going, as this tab has watched them. */
export function ThroughputChart() {
  const points = throughputOf(looks.value);
  return (
    <Chart
      title="Throughput, tasks a minute"
      unit=""
      times={points.map(({ at }) => at / 1000)}
      series={[
        { label: 'coming', colour: '--soft', values: points.map(({ entering }) => entering) },
        { label: 'done', colour: '--accent', values: points.map(({ leaving }) => leaving) },
      ]}
      empty={soon}
    />
  );
}

/** How long the pieces of the last minute took. */
export function LatencyChart() {
  const measured = looks.value.filter(({ p50 }) => p50 !== null);
  return (
    <Chart
      title="Time to make a piece"
      unit="s"
      times={measured.map(({ at }) => at / 1000)}
      series={[
        { label: 'half within', colour: '--accent', values: measured.map(({ p50 }) => p50) },
        { label: '95 % within', colour: '--soft', values: measured.map(({ p95 }) => p95) },
      ]}
      empty="Nothing was completed while this tab watched."
    />
  );
}

/** The last day, hour by hour. */
export function DayChart({ trends: { trends } }: { trends: TaskTrends }) {
  const hours = Object.entries(trends);
  return (
    <Chart
      title="The last 24 hours, tasks an hour"
      unit=""
      isBars
      times={hours.map(([hour]) => Date.parse(`${hour.replace(' ', 'T')}Z`) / 1000)}
      series={[
        { label: 'completed', colour: '--accent', values: hours.map(([, { completed }]) => completed) },
        { label: 'failed', colour: '--bad', values: hours.map(([, { failed }]) => failed) },
      ]}
      empty="Nothing yet."
    />
  );
}
