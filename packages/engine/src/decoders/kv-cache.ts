/** What a block of the cache holds: `positions` of one row, in every layer, [heads, positions, size] of keys and of values. */
export interface BlockShape {
  layers: number;
  heads: number;
  positions: number;
  /** Numbers of one head. */
  size: number;
}

/** A row's place in the cache. */
export interface CacheRow {
  /** Indices of its blocks, in the order of positions. */
  readonly blocks: number[];
  /** Positions that are filled. */
  length: number;
}

type Numbers = Float32Array | Float64Array;

/** Consecutive positions of one row in one block, of all heads; counted in what is copied at a time. */
interface Stretch {
  heads: number;
  /** Of one head. */
  length: number;
  /** Where they begin in the new numbers of one layer's keys or values, and how far it is from head to head. */
  from: number;
  fromStride: number;
  /** The same in the layer's array. */
  to: number;
  toStride: number;
}

/**
 * Keys and values of all rows, in typed arrays that the graph reads where they lie. One array for the keys and one for
 * the values of each layer, [blocks, heads, positions, size]; a row owns the same blocks in all of them. The blocks in
 * use lie at the front without gaps, so that a run can be given a part of each array, and rows of different lengths
 * neither wait for nor pay for each other.
 */
export class KeyValueCache {
  readonly shape: BlockShape;
  /** Changes whenever a block has got another place, be it with its whole array. */
  version = 0;
  readonly #arrays: Float32Array[];
  /** Whether numbers are copied two at a time. */
  readonly #areEven: boolean;
  /** The row that owns each block in use. */
  readonly #owners: CacheRow[] = [];

  constructor(shape: BlockShape) {
    this.shape = shape;
    this.#areEven = shape.size % 2 === 0;
    this.#arrays = Array.from({ length: 2 * shape.layers }, () => new Float32Array(0));
  }

  /**
   * Makes the arrays long enough for so many blocks, at least twice as long as before, because growing copies them. The
   * operating system gives memory to what is written, not to what is reserved.
   */
  reserve(blocks: number): void {
    const needed = blocks * this.#blockLength;
    for (const [index, array] of this.#arrays.entries()) {
      if (array.length >= needed) continue;
      const grown = new Float32Array(Math.max(needed, 2 * array.length));
      // What is not in use is not touched, or it would take memory.
      grown.set(array.subarray(0, this.#owners.length * this.#blockLength));
      this.#arrays[index] = grown;
      this.version++;
    }
  }

  /** Makes room for positions up to `length`. The blocks of rows that are extended one after the other are neighbours. */
  extend(row: CacheRow, length: number): void {
    const missing = Math.ceil(length / this.shape.positions) - row.blocks.length;
    if (missing <= 0) return;
    this.reserve(this.#owners.length + missing);
    for (let block = 0; block < missing; block++) this.#append(row);
  }

  /** Gives the row's blocks back. The last blocks in use move into their places, so that no gap is left. */
  release(row: CacheRow): void {
    for (const block of row.blocks.toSorted((a, b) => b - a)) {
      const last = this.#owners.length - 1;
      if (block !== last) this.#move(last, block);
      this.#owners.pop();
    }
    row.blocks.length = 0;
    row.length = 0;
    this.version++;
    if (this.#owners.length === 0) this.#empty();
  }

  /** Blocks `from` up to but without `to` of every array, keys before values, layer by layer; no copies. */
  view(from: number, to: number): Float32Array[] {
    const length = this.#blockLength;
    return this.#arrays.map((array) => array.subarray(from * length, to * length));
  }

  /**
   * Writes the keys and values of new columns, [2 · layers, rows, heads, columns, size], behind what the rows hold.
   * There must be room for them.
   */
  write(rows: readonly CacheRow[], fresh: Float32Array, columns: number): void {
    const partLength = rows.length * this.shape.heads * columns * this.shape.size;
    const stretches = rows.flatMap((row, index) => this.#stretches(row, { index, columns }));
    for (const [part, array] of this.#arrays.entries()) {
      const numbers = fresh.subarray(part * partLength, (part + 1) * partLength);
      copyStretches(this.#inPairs(array), this.#inPairs(numbers), stretches);
    }
    for (const row of rows) row.length += columns;
  }

  /** Where the next columns of a row, the so many-th of those that are written, go: a stretch for each block they reach into. */
  #stretches(row: CacheRow, { index, columns }: { index: number; columns: number }): Stretch[] {
    const { heads, positions } = this.shape;
    const size = this.shape.size / (this.#areEven ? 2 : 1);
    const strides = { heads, fromStride: columns * size, toStride: positions * size };
    const stretches: Stretch[] = [];
    for (let done = 0; done < columns; ) {
      const place = (row.length + done) % positions;
      const block = row.blocks[Math.floor((row.length + done) / positions)] as number;
      const count = Math.min(columns - done, positions - place);
      const from = (index * heads * columns + done) * size;
      const to = (block * heads * positions + place) * size;
      stretches.push({ ...strides, from, to, length: count * size });
      done += count;
    }
    return stretches;
  }

  /** The 64 bits of two finite numbers are never those of a NaN, which might not come through as they were. */
  #inPairs(numbers: Float32Array): Numbers {
    if (!this.#areEven) return numbers;
    return new Float64Array(numbers.buffer, numbers.byteOffset, numbers.length / 2);
  }

  get #blockLength(): number {
    const { heads, positions, size } = this.shape;
    return heads * positions * size;
  }

  #append(row: CacheRow): void {
    const block = this.#owners.length;
    const length = this.#blockLength;
    // Masked places count as zero times what they hold, which must therefore be finite. Memory that is new holds zeros, but
    // is written all the same: a page that the graph has read before it is first written costs several times as much then.
    for (const array of this.#arrays) array.fill(0, block * length, (block + 1) * length);
    this.#owners.push(row);
    row.blocks.push(block);
    this.version++;
  }

  #move(from: number, to: number): void {
    const length = this.#blockLength;
    for (const array of this.#arrays) array.copyWithin(to * length, from * length, (from + 1) * length);
    const owner = this.#owners[from] as CacheRow;
    owner.blocks[owner.blocks.indexOf(from)] = to;
    this.#owners[to] = owner;
  }

  #empty(): void {
    for (const index of this.#arrays.keys()) this.#arrays[index] = new Float32Array(0);
  }
}

/**
 * One loop over bare arrays, in a function of its own: for the few numbers that a head has of a single column it takes a
 * quarter of the time of a view for each, and less than half of what the engine of JavaScript makes of the same loop inside
 * another.
 */
function copyStretches(target: Numbers, source: Numbers, stretches: readonly Stretch[]): void {
  for (const stretch of stretches) {
    const { heads, length, fromStride, toStride } = stretch;
    for (let head = 0; head < heads; head++) {
      const from = stretch.from + head * fromStride;
      const to = stretch.to + head * toStride;
      for (let index = 0; index < length; index++) target[to + index] = source[from + index] as number;
    }
  }
}
