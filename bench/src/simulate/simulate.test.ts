import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { drawArrivals, readScenario, type Scenario } from './arrivals.ts';
import { createRandom } from './random.ts';
import { renderPlot, renderTable } from './report.ts';
import { simulate } from './run.ts';
import { createScaler, readScalerSettings, withCalm } from './scaler.ts';

const example = new URL('../../arrivals/bursts.json', import.meta.url).pathname;

/** A burst that four workers need two minutes for, then nothing. */
const burst: Scenario = {
  name: 'a burst',
  worker: { slots: 2, alone: 1, all: 2, start_seconds: 10, cost_per_hour: 3 },
  workers: 4,
  minutes: 30,
  arrivals: [{ from_minute: 1, to_minute: 2, tasks_per_minute: 96, seconds: 10, priority: 'NORMAL' }],
};

test('a burst brings workers, all its tasks are done, and the workers go again', async () => {
  const settings = await readScalerSettings();
  const options = { scenario: burst, settings, targetWaitSeconds: 60, random: createRandom(1) };
  const run = simulate({ ...options, most: 4 });
  expect(run.outcomes).toHaveLength(drawArrivals(burst, 1, createRandom(1)).length);
  expect(Math.max(...run.moments.map(({ replicas }) => replicas))).toBe(4);
  expect(run.moments.at(-1)?.replicas).toBe(settings.minReplicaCount);
  expect(run.cost).toBeCloseTo(run.workerHours * 3);

  const alone = simulate({
    ...options,
    random: createRandom(1),
    scenario: {
      ...burst,
      workers: 1,
      arrivals: [{ ...burst.arrivals[0], tasks_per_minute: 96 } as Scenario['arrivals'][0]],
    },
    most: 1,
  });
  const longest = ({ outcomes }: typeof run) =>
    Math.max(...outcomes.map(({ waitedSeconds }) => waitedSeconds));
  expect(longest(alone)).toBeGreaterThan(2 * longest(run));
});

test('the scaler grows as Kubernetes allows, and shrinks only after a calm, by half at most', async () => {
  const scaler = createScaler(withCalm(await readScalerSettings(), 60), 100);
  expect(scaler.decide(500, 2, 0)).toBe(6);
  expect(scaler.decide(500, 6, 15)).toBe(6);
  expect(scaler.decide(500, 6, 30)).toBe(12);
  expect(scaler.decide(0, 12, 45)).toBe(12);
  expect(scaler.decide(0, 12, 105)).toBe(6);
  expect(scaler.decide(0, 6, 120)).toBe(6);
});

test('table and plot show each run', async () => {
  const settings = await readScalerSettings();
  const runs = [2, 4].map((most) =>
    simulate({ scenario: burst, settings, most, targetWaitSeconds: 60, random: createRandom(1) }),
  );
  expect(renderTable(runs).split('\n')).toHaveLength(4);
  expect(renderPlot(burst, runs).match(/<polyline/g)).toHaveLength(4);
});

test('the example can be read, and a wrong file is told from a right one in a sentence', async () => {
  expect((await readScenario(example)).arrivals.length).toBeGreaterThan(3);
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-arrivals-'));
  const file = join(folder, 'arrivals.json');
  await expect(readScenario(file)).rejects.toThrow(`${file} cannot be read (ENOENT).`);
  await writeFile(file, '{');
  await expect(readScenario(file)).rejects.toThrow(/is not valid JSON/);
  const wrong = {
    ...burst,
    minutes: -1,
    arrivals: [{ ...burst.arrivals[0], to_minute: 0, priority: 'URGENT' }],
  };
  await writeFile(file, JSON.stringify(wrong));
  await expect(readScenario(file)).rejects.toThrow(
    /arrivals.json is no file of arrivals: minutes: .*arrivals.0.priority: /,
  );
  await rm(folder, { recursive: true });
});
