import { formatBytes, formatSeconds, formatTable } from './format.ts';
import { describeProgress } from './progress-bar.ts';

test('a bar shows share, amount, speed and what is left', () => {
  const text = describeProgress(
    'Downloading',
    { done: 1.1e9, total: 2e9 },
    { seconds: 20, doneAtStart: 0.1e9 },
  );
  expect(text).toBe('Downloading  █████████████░░░░░░░░░░░  55 %  1.10 GB of 2.00 GB  50.0 MB/s  18 s left');
});

test('tasks are counted, not measured', () => {
  const text = describeProgress(
    'Migrating',
    { done: 300, total: 900 },
    { seconds: 2, doneAtStart: 100, unit: 'tasks' },
  );
  expect(text).toMatch(/33 % {2}300 tasks of 900 tasks {2}100 tasks\/s {2}6 s left$/);
});

test('a bar that has not moved claims no speed, and a full one nothing left', () => {
  const still = describeProgress('Downloading', { done: 500, total: 1000 }, { seconds: 3, doneAtStart: 500 });
  expect(still).toMatch(/50 % {2}500 B of 1\.00 kB$/);
  const full = describeProgress('Downloading', { done: 1000, total: 1000 }, { seconds: 1, doneAtStart: 0 });
  expect(full).toMatch(/100 % {2}1\.00 kB of 1\.00 kB {2}1\.00 kB\/s$/);
});

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [999_600, '1.00 MB'],
  [2_312_000_000, '2.31 GB'],
])('%i bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [4.4, '4 s'],
  [65, '1 min 05 s'],
  [7500, '2 h 05 min'],
])('%d seconds are %s', (seconds, text) => {
  expect(formatSeconds(seconds)).toBe(text);
});

test('the columns of a table begin below each other', () => {
  expect(
    formatTable([
      ['id', 'size'],
      ['musicgen-micro', '9 MB'],
    ]),
  ).toBe('id              size\nmusicgen-micro  9 MB');
});
