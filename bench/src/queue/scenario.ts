import type { Priority } from '@musicgen/contract';
import type { Redis } from 'ioredis';
import { median } from '../percentile.ts';
import { type Row, ratioOf } from '../table.ts';
import type { System } from './systems/system.ts';
import { systems } from './systems/systems.ts';

/** What a scenario works with. */
export interface Bench {
  url: string;
  /** For looking at the server; empty at the start of every round. */
  redis: Redis;
  tasks: number;
  priorities: readonly Priority[];
  peerIds: 'own' | 'uuid';
}

export type Figures = Record<string, number>;

export interface Scenario {
  /** For `--only`. */
  name: string;
  rows: {
    figure: string;
    name: string;
    better: Row['better'];
    /** From the design; the peer's figure of the same run must be reached besides. */
    target?: number;
  }[];
  /** One round of one system. */
  measure(system: System, bench: Bench): Promise<Figures>;
}

/** Measures the systems in turn, round after round, and compares the medians. */
export async function runScenario(scenario: Scenario, bench: Bench, rounds: number): Promise<Row[]> {
  const measured: Record<System['name'], Figures[]> = { ours: [], bullmq: [] };
  for (let round = 0; round < rounds; round += 1) {
    // Whoever comes second finds warmer caches and a busier disk, so the order changes.
    for (const system of round % 2 === 0 ? systems : systems.toReversed()) {
      await bench.redis.flushall();
      await bench.redis.config('RESETSTAT');
      measured[system.name].push(await scenario.measure(system, bench));
    }
  }
  return scenario.rows.map(({ figure, name, better, target }) => {
    const of = (rounds: Figures[]) => median(rounds.map((figures) => figures[figure] ?? Number.NaN));
    const ours = of(measured.ours);
    const peer = of(measured.bullmq);
    return { name, ours, peer, ratio: ratioOf(ours, peer), target: stricter(better, target, peer), better };
  });
}

function stricter(better: Row['better'], target: number | undefined, peer: number): number {
  if (target === undefined) return peer;
  return better === 'higher' ? Math.max(target, peer) : Math.min(target, peer);
}
