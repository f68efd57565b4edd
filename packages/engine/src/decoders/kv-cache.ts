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

/** Consecutive positions of one row in one block, as offsets in an array and, `skip`, in what is written there. */
interface Stretch {
  to: number;
  skip: number;
  /** Numbers of one head. */
  length: number;
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
  /** The row that owns each block in use. */
  readonly #owners: CacheRow[] = [];
  /** Blocks that may hold what an earlier row has left. */
  #dirty = 0;

  constructor(shape: BlockShape) {
    this.shape = shape;
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
    const { heads, size } = this.shape;
    const stretches = rows.map((row) => this.#stretches(row, columns));
    let from = 0;
    for (const array of this.#arrays) {
      for (const row of stretches) {
        for (const stretch of row) this.#copy({ ...stretch, array, fresh, from, columns });
        from += heads * columns * size;
      }
    }
    for (const row of rows) row.length += columns;
  }

  /** Where a row's next columns go: a stretch for each block they reach into. */
  #stretches(row: CacheRow, columns: number): Stretch[] {
    const { positions, size } = this.shape;
    const stretches: Stretch[] = [];
    for (let done = 0; done < columns; ) {
      const place = (row.length + done) % positions;
      const block = row.blocks[Math.floor((row.length + done) / positions)] as number;
      const count = Math.min(columns - done, positions - place);
      stretches.push({
        to: block * this.#blockLength + place * size,
        skip: done * size,
        length: count * size,
      });
      done += count;
    }
    return stretches;
  }

  /** Copies one stretch of all heads. Loops: for the 64 numbers of a single column, two views would take longer. */
  #copy(part: Stretch & { array: Float32Array; fresh: Float32Array; from: number; columns: number }): void {
    const { array, fresh, length, columns } = part;
    const { heads, positions, size } = this.shape;
    let to = part.to;
    let from = part.from + part.skip;
    for (let head = 0; head < heads; head++) {
      for (let index = 0; index < length; index++) array[to + index] = fresh[from + index] as number;
      to += positions * size;
      from += columns * size;
    }
  }

  get #blockLength(): number {
    const { heads, positions, size } = this.shape;
    return heads * positions * size;
  }

  #append(row: CacheRow): void {
    const block = this.#owners.length;
    const length = this.#blockLength;
    if (block < this.#dirty) {
      // Masked places count as zero times what they hold, which must therefore be finite.
      for (const array of this.#arrays) array.fill(0, block * length, (block + 1) * length);
    }
    this.#dirty = Math.max(this.#dirty, block + 1);
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
    this.#dirty = 0;
    for (const index of this.#arrays.keys()) this.#arrays[index] = new Float32Array(0);
  }
}
