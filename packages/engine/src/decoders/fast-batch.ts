import { idTensor, Tensor, type Tensors } from '../sessions.ts';
import type { CacheRow, KeyValueCache } from './kv-cache.ts';

/** The keys and values of one row of text, [2 · layers, heads, tokens, size], and what its mask adds to the scores. */
export interface TextMemory {
  keysAndValues: Float32Array;
  bias: Float32Array;
  tokens: number;
}

export interface BatchRow {
  cache: CacheRow;
  /** Absent: a row without text. */
  text?: TextMemory;
}

/** The most negative float32: the score of what must not count. */
const maskedScore = -3.4028234663852886e38;

/** Rows that run together, and what the graph is fed about them. */
export class FastBatch {
  /** Rows with text come first: the graph wants them so. */
  readonly rows: readonly BatchRow[];
  readonly #cache: KeyValueCache;
  readonly #texts: Tensors;
  #blocks: Tensors = {};
  #mostBlocks = 0;
  /** Of the cache, when `#blocks` was made. */
  #version: number | undefined;

  constructor(cache: KeyValueCache, rows: readonly BatchRow[]) {
    this.rows = rows.toSorted((a, b) => Number(a.text === undefined) - Number(b.text === undefined));
    this.#cache = cache;
    this.#texts = this.#textFeeds();
  }

  /** Whether it is of exactly these rows. */
  isOf(rows: readonly BatchRow[]): boolean {
    return rows.length === this.rows.length && rows.every((row) => this.rows.includes(row));
  }

  /** All feeds for the next columns of these rows. */
  feeds(ids: Tensor): Tensors {
    if (this.#version !== this.#cache.version) {
      this.#version = this.#cache.version;
      this.#mostBlocks = Math.max(...this.rows.map((row) => row.cache.blocks.length));
      this.#blocks = this.#blockFeeds();
    }
    const lengths = this.rows.map(({ cache }) => cache.length);
    const bias = this.#pastBias(lengths);
    return {
      ...this.#texts,
      ...this.#blocks,
      input_ids: ids,
      start: idTensor(lengths, [lengths.length]),
      past_bias: new Tensor('float32', bias, [lengths.length, 1, 1, bias.length / lengths.length]),
    };
  }

  #pastBias(lengths: readonly number[]): Float32Array {
    const places = this.#mostBlocks * this.#cache.shape.positions;
    const bias = new Float32Array(lengths.length * places).fill(maskedScore);
    for (const [row, length] of lengths.entries()) bias.fill(0, row * places, row * places + length);
    return bias;
  }

  /** A run is given the stretch of blocks that holds its rows; another row's block in there belongs to nobody. */
  #blockFeeds(): Tensors {
    const rows = this.rows.length;
    const all = this.rows.flatMap(({ cache }) => cache.blocks);
    const from = Math.min(...all);
    const to = Math.max(...all) + 1;
    const blocks = to - from;
    const blockRow = new Int32Array(blocks);
    const blockSlot = new Int32Array(blocks);
    const blockSum = new Float32Array(rows * blocks);
    const rowBlocks = new Int32Array(rows * this.#mostBlocks);
    for (const [row, { cache }] of this.rows.entries()) {
      for (const [place, block] of cache.blocks.entries()) {
        blockRow[block - from] = row;
        blockSlot[block - from] = row * this.#mostBlocks + place;
        blockSum[row * blocks + block - from] = 1;
        rowBlocks[row * this.#mostBlocks + place] = block - from;
      }
    }
    return {
      block_row: idTensor(blockRow, [blocks]),
      block_slot: idTensor(blockSlot, [blocks]),
      block_sum: new Tensor('float32', blockSum, [rows, blocks]),
      row_blocks: idTensor(rowBlocks, [rows, this.#mostBlocks]),
      ...this.#cacheFeeds(from, to),
    };
  }

  #cacheFeeds(from: number, to: number): Tensors {
    const { heads, positions, size } = this.#cache.shape;
    const shape = [to - from, heads, positions, size];
    return layerFeeds(
      'cache',
      this.#cache.view(from, to).map((array) => new Tensor('float32', array, shape)),
    );
  }

  /** The texts of all rows, as long as the longest; a batch without text gets one of zeros, whose effect is zero. */
  #textFeeds(): Tensors {
    const { layers, heads, size } = this.#cache.shape;
    const texts = this.rows.flatMap(({ text }) => text ?? []);
    const rows = Math.max(1, texts.length);
    const tokens = Math.max(1, ...texts.map((text) => text.tokens));
    const bias = new Float32Array(rows * tokens).fill(texts.length === 0 ? 0 : maskedScore);
    for (const [row, text] of texts.entries()) bias.set(text.bias, row * tokens);
    const parts = Array.from({ length: 2 * layers }, (_, part) => {
      const all = new Float32Array(rows * heads * tokens * size);
      for (const [row, { keysAndValues, tokens: own }] of texts.entries()) {
        for (let head = 0; head < heads; head++) {
          const start = (part * heads + head) * own * size;
          all.set(keysAndValues.subarray(start, start + own * size), (row * heads + head) * tokens * size);
        }
      }
      return new Tensor('float32', all, [rows, heads, tokens, size]);
    });
    return {
      text_bias: new Tensor('float32', bias, [rows, 1, 1, tokens]),
      ...layerFeeds('text', parts),
    };
  }
}

/** Tensors of keys and values, layer by layer, under the graph's names. */
function layerFeeds(name: string, tensors: readonly Tensor[]): Tensors {
  return Object.fromEntries(
    tensors.map((tensor, index) => [`${name}.${index >> 1}.${index % 2 === 0 ? 'key' : 'value'}`, tensor]),
  );
}

/** What a text's mask adds to the scores of its tokens. */
export function textBias(mask: readonly number[]): Float32Array {
  return Float32Array.from(mask, (kept) => (kept === 0 ? maskedScore : 0));
}
