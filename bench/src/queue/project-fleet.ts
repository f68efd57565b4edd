import type { Row } from '../table.ts';

const projected = 10_000;
/** Commands, bells, cancellations. */
const connectionsPerWorker = 3;

/**
 * What the measured fleet says about a larger one. Redis runs commands on one core, and what a worker costs does not
 * depend on how many others there are: a claim looks at its four queues and a heartbeat at its own tasks. So the CPU
 * grows in proportion, and the fleet is as large as one core allows.
 */
export function projectFleet(rows: readonly Row[], workers: number): string {
  const cpu = (state: string) => rows.find(({ name }) => name.includes(`${state}: Redis CPU`))?.ours;
  const idle = cpu('idle');
  const busy = cpu('busy');
  if (idle === undefined || busy === undefined) return '';
  const factor = projected / workers;
  const times = (share: number) => `${share.toFixed(1)} % × ${factor} = ${(share * factor).toFixed(0)} %`;
  return [
    '',
    `A fleet of ${projected} workers on one Redis, in proportion to ${workers}:`,
    `  idle  ${times(idle)} of a core`,
    `  busy  ${times(busy)} of a core`,
    `  one core, three quarters used, carries ${largest(busy, workers)} busy workers`,
    `  ${projected * connectionsPerWorker} connections (${connectionsPerWorker} a worker): above maxclients 10 000, Redis' default.`,
  ].join('\n');
}

function largest(busyShare: number, workers: number): string {
  const count = (75 / busyShare) * workers;
  return String(Math.floor(count / 100) * 100);
}
