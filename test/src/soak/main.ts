import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createRandom } from '../chaos/plan.ts';
import { root } from '../processes.ts';
import { complaintsOf } from './judge.ts';
import { renderPicture, renderReport } from './report.ts';
import { runSoak } from './run.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    /** Writes docs/soak.md and its picture. */
    report: { type: 'boolean', default: false },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (!(minutes > 0) || !Number.isSafeInteger(seed)) {
  console.error(
    '--minutes is a number above 0, --seed a whole one: npm run soak -- --minutes 20 [--seed 1] [--report]',
  );
  process.exit(2);
}

// Ending this process ends what it started, which notices.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const result = await runSoak({ minutes, random: createRandom(seed), say: console.log });
const complaints = complaintsOf(result);
const command = `npm run soak -- --minutes ${minutes} --seed ${seed}`;
const page = renderReport({ result, complaints, command, date: new Date().toISOString().slice(0, 10) });
console.log(page);
if (values.report) {
  await writeFile(join(root, 'docs/soak.md'), page);
  await writeFile(join(root, 'docs/soak.svg'), renderPicture(result));
}
process.exit(complaints.length > 0 ? 1 : 0);
