/**
 * Replays arrivals against the autoscaling policy of the API, with the scaler's settings that are shipped for Kubernetes:
 *
 *     npm run simulate -- --arrivals bench/arrivals/bursts.json [--workers 10,100,1000] [--target 30,60,120]
 *                         [--calm 60,300] [--seed 1] [--plot FILE.svg]
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { readScenario } from './arrivals.ts';
import { createRandom } from './random.ts';
import { renderPlot, renderTable } from './report.ts';
import { simulate } from './run.ts';
import { calmOf, readScalerSettings, withCalm } from './scaler.ts';

const { values } = parseArgs({
  options: {
    arrivals: { type: 'string' },
    workers: { type: 'string', default: '10,100,1000' },
    target: { type: 'string', default: '60' },
    /** Seconds that advice must have been low for before workers go; absent: what is shipped. */
    calm: { type: 'string' },
    seed: { type: 'string', default: '1' },
    plot: { type: 'string' },
  },
});

/** @throws Error for anything but whole numbers from 1 on */
function numbersOf(option: string, text: string): number[] {
  const numbers = text.split(',').map(Number);
  if (numbers.every((number) => Number.isSafeInteger(number) && number >= 1)) return numbers;
  throw new Error(`--${option} takes whole numbers from 1 on, separated by commas.`);
}

async function main(): Promise<void> {
  if (values.arrivals === undefined) {
    throw new Error('Say what comes: npm run simulate -- --arrivals bench/arrivals/bursts.json');
  }
  const [seed = 1] = numbersOf('seed', values.seed);
  const targets = numbersOf('target', values.target);
  const most = numbersOf('workers', values.workers);
  const scenario = await readScenario(values.arrivals);
  const shipped = await readScalerSettings();
  const calms = values.calm === undefined ? [calmOf(shipped)] : numbersOf('calm', values.calm);
  const runs = most.flatMap((workers) =>
    targets.flatMap((targetWaitSeconds) =>
      calms.map((calmSeconds) =>
        simulate({
          scenario,
          settings: withCalm(shipped, calmSeconds),
          most: workers,
          targetWaitSeconds,
          random: createRandom(seed),
        }),
      ),
    ),
  );
  console.log(`${scenario.name}\n\n${renderTable(runs)}`);
  if (values.plot !== undefined) await writeFile(values.plot, renderPlot(scenario, runs));
}

try {
  await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}
