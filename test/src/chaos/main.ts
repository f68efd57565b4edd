import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkHistory } from './checker/check.ts';
import { describeFigures } from './checker/figures.ts';
import { runChaos } from './run.ts';
import { settings } from './settings.ts';

const usage = 'npm run chaos -- [--kills 100] [--seed 1] [--keep]';
/** Of the violations of a run that went wrong, how many are printed. */
const longestList = 50;

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    /** Leaves the logs and the history of a good run too. */
    keep: { type: 'boolean', default: false },
  },
});
const [kills, seed] = [Number(values.kills), Number(values.seed)];
if (!Number.isSafeInteger(kills) || kills < 1 || !Number.isSafeInteger(seed)) {
  console.error(`--kills is a whole number from 1 on, --seed one too: ${usage}`);
  process.exit(2);
}

// Ending this process ends the workers, which notice, and Redis.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const startedAt = performance.now();
const folder = await mkdtemp(join(tmpdir(), 'musicgen-chaos-'));
const history = await runChaos({ seed, kills, folder, say: console.log });
const { violations, figures } = checkHistory(history, settings);

for (const line of describeFigures(figures)) console.log(line);
console.log(`seed ${seed}, ${Math.round((performance.now() - startedAt) / 1000)} s`);
for (const { kind, task, detail } of violations.slice(0, longestList)) {
  console.error(`VIOLATION ${kind}${task === undefined ? '' : ` of task ${task}`}: ${detail}`);
}
if (violations.length > 0)
  console.error(`${violations.length} violations; history and logs are in ${folder}`);
else if (!values.keep) await rm(folder, { recursive: true });
process.exit(violations.length > 0 ? 1 : 0);
