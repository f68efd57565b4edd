/**
 * Our figures and a peer's, side by side in one run:
 *
 *     npm run bench -- queue [--rounds 5] [--tasks 10000] [--workers 1000] [--priorities 4|1]
 *                            [--peer-ids own|uuid] [--only pickup,idle] [--json FILE]
 *     npm run bench -- engine [--rounds 1] [--precision fp32|int8|int4|int4-g128] [--only steps,eight,pieces,together]
 *                             [--seconds 10,30] [--together 10] [--threads 2] [--json FILE]
 *     npm run bench -- migration [--tasks 100000] [--json FILE]
 *     npm run bench -- api [--rounds 3] [--load 3] [--connections 32] [--clients 1000]
 *                          [--only requests,limited,streams] [--json FILE]
 *
 * A row that misses its target is marked. That is no failure of the run: figures depend on what else the machine does.
 */
import { parseArgs } from 'node:util';
import type { ModelPrecision } from '@musicgen/engine';
import { type ApiBenchOptions, benchApi } from './api/run.ts';
import { benchEngine, type EngineBenchOptions } from './engine/run.ts';
import { benchMigration } from './migration/run.ts';
import { benchQueue, type QueueBenchOptions } from './queue/run.ts';
import { type Row, writeRows } from './table.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string' },
    tasks: { type: 'string' },
    workers: { type: 'string', default: '1000' },
    priorities: { type: 'string', default: '4' },
    'peer-ids': { type: 'string', default: 'own' },
    only: { type: 'string', default: '' },
    precision: { type: 'string', default: 'fp32' },
    seconds: { type: 'string', default: '10,30' },
    together: { type: 'string', default: '10' },
    threads: { type: 'string', default: '2' },
    load: { type: 'string', default: '3' },
    connections: { type: 'string', default: '32' },
    clients: { type: 'string', default: '1000' },
    json: { type: 'string' },
  },
});

const commands: Record<string, () => Promise<Row[]>> = {
  queue: () => benchQueue(queueOptions()),
  engine: () => benchEngine(engineOptions()),
  migration: () => benchMigration({ tasks: Number(values.tasks ?? 100_000) }),
  api: () => benchApi(apiOptions()),
};

function queueOptions(): QueueBenchOptions {
  return {
    rounds: Number(values.rounds ?? 5),
    tasks: Number(values.tasks ?? 10_000),
    workers: Number(values.workers),
    priorities: values.priorities === '1' ? 1 : 4,
    peerIds: values['peer-ids'] === 'uuid' ? 'uuid' : 'own',
    only: listOf(values.only),
  };
}

function engineOptions(): EngineBenchOptions {
  return {
    rounds: Number(values.rounds ?? 1),
    precision: values.precision as ModelPrecision,
    only: listOf(values.only),
    seconds: listOf(values.seconds).map(Number),
    togetherSeconds: Number(values.together),
    threads: Number(values.threads),
  };
}

function apiOptions(): ApiBenchOptions {
  return {
    rounds: Number(values.rounds ?? 3),
    only: listOf(values.only),
    seconds: Number(values.load),
    connections: Number(values.connections),
    clients: Number(values.clients),
  };
}

function listOf(text: string): string[] {
  return text.split(',').filter((name) => name !== '');
}

async function main(): Promise<number> {
  const command = commands[positionals[0] ?? ''];
  if (command === undefined) {
    console.error(`Say what to measure: npm run bench -- ${Object.keys(commands).join(' | ')}`);
    return 2;
  }
  const rows = await command();
  if (values.json !== undefined) writeRows(values.json, rows);
  return 0;
}

process.exitCode = await main();
