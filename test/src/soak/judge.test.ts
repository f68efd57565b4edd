import { complaintsOf, growthOf } from './judge.ts';
import type { Sample, SoakResult } from './run.ts';

const megabyte = 1e6;

/** An hour of samples whose engine grows by that much an hour. */
function samplesWithGrowth(megabytesAnHour: number): Sample[] {
  return Array.from({ length: 60 }, (_, minute) => ({
    atSeconds: minute * 60,
    bytes: {
      API: 90 * megabyte,
      worker: 80 * megabyte,
      engine: (200 + (megabytesAnHour * minute) / 60) * megabyte,
      Redis: 10 * megabyte,
    },
  }));
}

function run(change: Partial<SoakResult> = {}): SoakResult {
  const load = { acknowledged: 3, ended: { completed: 3 }, audioSeconds: 9, downloads: 1, complaints: [] };
  return {
    load,
    samples: samplesWithGrowth(0),
    restarts: { terminated: 1, killed: 1, badExits: [] },
    ...change,
  };
}

test('a flat run without losses gives no reason to complain', () => {
  expect(complaintsOf(run())).toEqual([]);
  expect(growthOf(run().samples)[2]).toEqual({ part: 'engine', early: 200 * megabyte, late: 200 * megabyte });
});

test('memory that grows, a task that never ends and a bad exit are each told', () => {
  const load = { ...run().load, ended: { completed: 2 } };
  const restarts = { terminated: 1, killed: 0, badExits: ['The worker ended (exit code 1)'] };
  expect(complaintsOf(run({ load, restarts, samples: samplesWithGrowth(200) }))).toEqual([
    'The worker ended (exit code 1)',
    '1 acknowledged tasks did not end',
    expect.stringMatching(/^engine grew from \d+ MB to \d+ MB$/),
  ]);
});
