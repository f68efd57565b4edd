/**
 * Our figures and a peer's, side by side in one run:
 *
 *     npm run bench -- queue [--rounds 5] [--tasks 10000] [--workers 1000] [--priorities 4|1]
 *                            [--only pickup,idle] [--json FILE]
 *
 * A row that misses its target is marked. That is no failure of the run: figures depend on what else the machine does.
 */
import { parseArgs } from 'node:util';
import { benchQueue, type QueueBenchOptions } from './queue/run.ts';
import { type Row, writeRows } from './table.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    tasks: { type: 'string', default: '10000' },
    workers: { type: 'string', default: '1000' },
    priorities: { type: 'string', default: '4' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
  },
});

const commands: Record<string, () => Promise<Row[]>> = { queue: () => benchQueue(queueOptions()) };

function queueOptions(): QueueBenchOptions {
  return {
    rounds: Number(values.rounds),
    tasks: Number(values.tasks),
    workers: Number(values.workers),
    priorities: values.priorities === '1' ? 1 : 4,
    only: values.only.split(',').filter((name) => name !== ''),
  };
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
