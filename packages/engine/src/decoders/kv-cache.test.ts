import { type BlockShape, type CacheRow, KeyValueCache } from './kv-cache.ts';

const shape: BlockShape = { layers: 1, heads: 2, positions: 2, size: 1 };
const blockLength = 4;

function row(): CacheRow {
  return { blocks: [], length: 0 };
}

/** Appends one column of which every number is `value` to a row. */
function append(cache: KeyValueCache, to: CacheRow, value: number): void {
  cache.extend(to, to.length + 1);
  cache.write([to], new Float32Array(2 * shape.layers * shape.heads).fill(value), 1);
}

/** What the first head's keys hold at the positions of a row. */
function keysOf(cache: KeyValueCache, of: CacheRow): number[] {
  const [keys = new Float32Array()] = cache.view(0, 8);
  return Array.from({ length: of.length }, (_, position) => {
    const block = of.blocks[Math.floor(position / shape.positions)] as number;
    return keys[block * blockLength + (position % shape.positions)] as number;
  });
}

describe('the key/value cache', () => {
  it('keeps what rows of different lengths have written', () => {
    const cache = new KeyValueCache(shape);
    const [a, b] = [row(), row()];
    for (const value of [1, 2, 3]) append(cache, a, value);
    append(cache, b, 10);
    append(cache, a, 4);
    append(cache, a, 5);
    expect([keysOf(cache, a), keysOf(cache, b)]).toEqual([[1, 2, 3, 4, 5], [10]]);
    expect([a.blocks, b.blocks]).toEqual([[0, 1, 3], [2]]);
  });

  it('writes several columns across the blocks of a row, head by head', () => {
    const cache = new KeyValueCache(shape);
    const a = row();
    append(cache, a, 9);
    cache.extend(a, 4);
    // [keys and values, rows, heads, columns, size]
    cache.write([a], Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), 3);
    const [keys, values] = cache.view(0, 2);
    expect(Array.from(keys ?? [])).toEqual([9, 1, 9, 4, 2, 3, 5, 6]);
    expect(Array.from(values ?? [])).toEqual([9, 7, 9, 10, 8, 9, 11, 12]);
  });

  it('writes heads of an even size bit for bit, whatever their numbers are', () => {
    const cache = new KeyValueCache({ ...shape, size: 4 });
    const a = row();
    const odd = [-0, 1e-45, 3.4e38, -3.4e38, -1e-45, 0, 1 / 3, -1];
    for (const column of [odd, odd.toReversed(), odd]) {
      cache.extend(a, a.length + 1);
      // Keys of both heads, then values.
      cache.write([a], Float32Array.from([...column, ...column.map((number) => number / 2)]), 1);
    }
    const [keys, values] = cache.view(1, 2);
    const expected = [...odd.slice(0, 4), 0, 0, 0, 0, ...odd.slice(4), 0, 0, 0, 0];
    expect(keys).toEqual(Float32Array.from(expected));
    expect(values).toEqual(Float32Array.from(expected, (number) => number / 2));
  });

  it('keeps everything, and says that it has moved, when more is reserved', () => {
    const cache = new KeyValueCache(shape);
    const a = row();
    for (const value of [1, 2, 3]) append(cache, a, value);
    const { version } = cache;
    cache.reserve(2);
    expect(cache.version).toBe(version);
    cache.reserve(50);
    expect(cache.version).toBeGreaterThan(version);
    append(cache, a, 4);
    expect(keysOf(cache, a)).toEqual([1, 2, 3, 4]);
    expect(cache.view(0, 50)[0]).toHaveLength(50 * blockLength);
  });

  it('leaves no gap when a row goes: the last blocks take its place', () => {
    const cache = new KeyValueCache(shape);
    const rows = [row(), row(), row()];
    for (const value of [1, 2, 3])
      for (const [index, each] of rows.entries()) append(cache, each, 10 * index + value);
    const [first, middle, last] = rows as [CacheRow, CacheRow, CacheRow];
    const before = cache.version;
    cache.release(middle);
    expect(cache.version).not.toBe(before);
    expect([...first.blocks, ...last.blocks].sort()).toEqual([0, 1, 2, 3]);
    expect([keysOf(cache, first), keysOf(cache, last)]).toEqual([
      [1, 2, 3],
      [21, 22, 23],
    ]);
  });

  it('hands out no block with what an earlier row has left in it, such as NaN', () => {
    const cache = new KeyValueCache(shape);
    const [stays, goes, comes] = [row(), row(), row()];
    append(cache, stays, 1);
    append(cache, goes, Number.NaN);
    cache.release(goes);
    append(cache, comes, 2);
    const [keys] = cache.view(1, 2);
    expect(Array.from(keys ?? [])).toEqual([2, 0, 2, 0]);
  });

  it('gives its memory back when the last row goes', () => {
    const cache = new KeyValueCache(shape);
    const a = row();
    append(cache, a, 1);
    cache.release(a);
    expect(cache.view(0, 8).map((array) => array.length)).toEqual([0, 0]);
  });
});
