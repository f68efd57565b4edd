import type { Priority, Task } from '@musicgen/contract';
import { estimateWaiting } from './estimate.ts';

const at = (seconds: number) => new Date(seconds * 1000).toISOString();

/** As much of a task as an estimate reads. */
function task(id: string, priority: Priority, rest: object): Task {
  return {
    id,
    priority,
    eta: null,
    timings: { processing: null },
    request: { duration: 10 },
    ...rest,
  } as Task;
}

test('waiting tasks follow the running one in the order of their priorities, at its speed', () => {
  const tasks = [
    task('low', 'LOW', { status: 'pending' }),
    task('high', 'HIGH', { status: 'pending' }),
    task('runs', 'CRITICAL', { status: 'processing', eta: { start_at: at(100), finish_at: at(105) } }),
  ];
  expect([...estimateWaiting(tasks, 102_000)]).toEqual([
    ['high', 110_000],
    ['low', 115_000],
  ]);
});

test('a finished task tells the speed between two running ones; without any there is no estimate', () => {
  const waiting = task('low', 'LOW', { status: 'pending' });
  const done = task('done', 'HIGH', { status: 'completed', timings: { processing: 2 } });
  expect([...estimateWaiting([waiting, done], 0)]).toEqual([['low', 2000]]);
  expect(estimateWaiting([waiting], 0).size).toBe(0);
});
