import type { Row } from '../table.ts';

const projected = 10_000;
/** Commands, bells, cancellations. */
const connectionsPerWorker = 3;

/**
 * What the measured fleet says about a larger one. Redis runs commands on one core and every worker costs the same
 * whatever the size of the fleet, because a claim looks at its four queues and not at the other workers; so its CPU
 * grows in proportion.
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
    `  ${projected * connectionsPerWorker} connections (${connectionsPerWorker} a worker): above maxclients 10 000, Redis' default.`,
  ].join('\n');
}
