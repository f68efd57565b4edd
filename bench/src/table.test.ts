import { meetsTarget, type Row, ratioOf, tableText } from './table.ts';

const row: Row = {
  name: 'enqueue p50, ms',
  ours: 0.1234,
  peer: 0.2,
  ratio: 0.617,
  target: 0.2,
  better: 'lower',
};

test('a row meets its target at the target and on the better side of it', () => {
  expect(meetsTarget(row)).toBe(true);
  expect(meetsTarget({ ...row, ours: 0.2 })).toBe(true);
  expect(meetsTarget({ ...row, ours: 0.21 })).toBe(false);
  expect(meetsTarget({ ...row, ours: 0.21, better: 'higher' })).toBe(true);
});

test('a ratio needs something to compare with', () => {
  expect(ratioOf(1, 4)).toBe(0.25);
  expect(ratioOf(1, 0)).toBeUndefined();
  expect(ratioOf(1, undefined)).toBeUndefined();
});

test('the table marks what misses its target', () => {
  const rows = [
    row,
    { ...row, name: 'tasks/s', ours: 12_345, peer: 20_000, target: 20_000, better: 'higher' as const },
  ];
  expect(tableText(rows, { ours: 'ours', peer: 'peer' }).split('\n')).toEqual([
    '|                 |     ours |   peer | ratio |   target |',
    '|-----------------|---------:|-------:|------:|---------:|',
    '| enqueue p50, ms |    0.123 |    0.2 |  0.62 |    ≤ 0.2 |',
    '| tasks/s         | 12 345 ✗ | 20 000 |  0.62 | ≥ 20 000 |',
  ]);
});
