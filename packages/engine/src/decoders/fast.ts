import { ServiceError } from '@musicgen/contract';
import { broken } from '../json-file.ts';
import type { ModelConfig } from '../model-folder.ts';
import {
  floats,
  idTensor,
  openSession,
  requireNames,
  type Session,
  type SessionOptions,
  Tensor,
} from '../sessions.ts';
import type { Condition } from '../text-encoder.ts';
import type { Decoder, DecoderSequence, SequenceRows, StepInput } from './decoder.ts';
import { type BatchRow, FastBatch, type TextMemory, textBias } from './fast-batch.ts';
import { type BlockShape, KeyValueCache } from './kv-cache.ts';

/** Columns of one run of a prefill: enough to use each weight often, few enough that the scores stay small. */
const prefillColumns = 128;

interface OpenSequence {
  rows: BatchRow[];
  /** Of the cache, as far as they can be foreseen. */
  blocks: number;
  /** What the rows attend to, until the first step has computed what they need of it. */
  pending?: SequenceRows;
}

/**
 * Loads the decoder of the fast layout: `decoder_fast`, which appends columns to rows of any age, and
 * `decoder_fast_text`, which computes once what the rows attend to of their text. The key/value cache is ours.
 * @throws ServiceError `model_load_failed`
 */
export async function openFastDecoder(
  options: { decoder: SessionOptions; text: SessionOptions },
  config: ModelConfig,
): Promise<Decoder> {
  const session = await openSession(options.decoder);
  const shape = blockShapeOf(session, config);
  const text = await openSession(options.text);
  requireNames(text, { inputs: ['encoder_hidden_states', 'encoder_attention_mask'], outputs: ['text'] });
  return new FastDecoder({ session, text, config, shape });
}

class FastDecoder implements Decoder {
  readonly prefillColumns = prefillColumns;
  readonly #session: Session;
  readonly #text: Session;
  readonly #config: ModelConfig;
  readonly #cache: KeyValueCache;
  readonly #open = new Map<DecoderSequence, OpenSequence>();
  #batch: FastBatch | undefined;

  constructor(parts: { session: Session; text: Session; config: ModelConfig; shape: BlockShape }) {
    this.#session = parts.session;
    this.#text = parts.text;
    this.#config = parts.config;
    this.#cache = new KeyValueCache(parts.shape);
  }

  open(rows: SequenceRows, columns = 0): DecoderSequence {
    const count = rows.against === undefined ? 1 : 2;
    const opened: OpenSequence = {
      rows: Array.from({ length: count }, () => ({ cache: { blocks: [], length: 0 } })),
      blocks: count * Math.ceil(columns / this.#cache.shape.positions),
      pending: rows,
    };
    const sequence: DecoderSequence = { rows: count, release: () => this.#close(sequence) };
    this.#open.set(sequence, opened);
    this.#cache.reserve([...this.#open.values()].reduce((sum, { blocks }) => sum + blocks, 0));
    return sequence;
  }

  async step(inputs: StepInput[]): Promise<Float32Array[]> {
    const logits = new Map<StepInput, Float32Array>();
    const single = inputs.filter(({ columns }) => columns === 1);
    for (const input of inputs) {
      if (input.columns === 1) await this.#remember(this.#find(input));
      else logits.set(input, await this.#prefill(input));
    }
    if (single.length > 0) {
      for (const [index, each] of (await this.#run(single, 1)).entries())
        logits.set(single[index] as StepInput, each);
    }
    return inputs.map((input) => logits.get(input) as Float32Array);
  }

  async release(): Promise<void> {
    await this.#session.release();
    await this.#text.release();
  }

  #close(sequence: DecoderSequence): void {
    for (const row of this.#open.get(sequence)?.rows ?? []) this.#cache.release(row.cache);
    this.#open.delete(sequence);
    this.#batch = undefined;
  }

  #find({ sequence }: StepInput): OpenSequence {
    const found = this.#open.get(sequence);
    if (found === undefined) throw new ServiceError('internal', 'A released sequence was stepped');
    return found;
  }

  /** Appends many columns of one sequence, a stretch at a time. */
  async #prefill({ sequence, ids, columns }: StepInput): Promise<Float32Array> {
    const opened = this.#find({ sequence, ids, columns });
    await this.#remember(opened);
    // All blocks at once, so that they are neighbours and a run is given no others.
    for (const { cache } of opened.rows) this.#cache.extend(cache, cache.length + columns);
    let logits: Float32Array = new Float32Array();
    for (let from = 0; from < columns; from += prefillColumns) {
      const count = Math.min(prefillColumns, columns - from);
      const stretch = { sequence, ids: columnsOf(ids, columns, from, count), columns: count };
      [logits = logits] = await this.#run([stretch], count);
    }
    return logits;
  }

  /** One run that appends as many columns to each sequence. */
  async #run(inputs: readonly StepInput[], columns: number): Promise<Float32Array[]> {
    const opened = inputs.map((input) => this.#find(input));
    const rows = opened.flatMap((each) => each.rows);
    for (const { cache } of rows) this.#cache.extend(cache, cache.length + columns);
    if (!this.#batch?.isOf(rows)) this.#batch = new FastBatch(this.#cache, rows);
    const batch = this.#batch;
    const idsOf = new Map(opened.flatMap((each, index) => each.rows.map((row) => [row, inputs[index]?.ids])));
    const { codebooks } = this.#config.info;
    const ids = new BigInt64Array(rows.length * codebooks * columns);
    for (const [row, each] of batch.rows.entries()) {
      ids.set(Array.from(idsOf.get(each) ?? [], BigInt), row * codebooks * columns);
    }
    const shape = [rows.length, codebooks, columns];
    const outputs = await this.#session.run(batch.feeds(new Tensor('int64', ids, shape)), [
      'logits',
      'fresh',
    ]);
    this.#cache.write(
      batch.rows.map(({ cache }) => cache),
      floats(outputs, 'fresh'),
      columns,
    );
    return opened.map((each) => this.#logitsOf(each, batch, floats(outputs, 'logits')));
  }

  /** A sequence's logits, [rows, codebooks, vocabulary], from those of the batch. */
  #logitsOf({ rows }: OpenSequence, batch: FastBatch, logits: Float32Array): Float32Array {
    const length = this.#config.info.codebooks * this.#config.vocabSize;
    const own = new Float32Array(rows.length * length);
    for (const [index, row] of rows.entries()) {
      const place = batch.rows.indexOf(row);
      own.set(logits.subarray(place * length, (place + 1) * length), index * length);
    }
    return own;
  }

  /** Computes what the rows attend to of their texts, once. */
  async #remember(opened: OpenSequence): Promise<void> {
    const { pending, rows } = opened;
    if (pending === undefined) return;
    const { condition, against } = pending;
    const [first, second] = rows;
    if (first) first.text = await this.#memoryOf(condition);
    if (second && against !== undefined && against !== 'nothing') second.text = await this.#memoryOf(against);
    opened.pending = undefined;
  }

  /** Undefined for a text without tokens: its row is one without text. */
  async #memoryOf({ tokens, states, mask }: Condition): Promise<TextMemory | undefined> {
    if (mask.every((kept) => kept === 0)) return undefined;
    const feeds = {
      encoder_hidden_states: new Tensor('float32', states, [1, tokens, states.length / tokens]),
      encoder_attention_mask: idTensor(mask, [1, tokens]),
    };
    const keysAndValues = floats(await this.#text.run(feeds, ['text']), 'text');
    return { keysAndValues, bias: textBias(mask), tokens };
  }
}

/** Columns of ids [codebooks, columns]. */
function columnsOf(ids: Int32Array, columns: number, from: number, count: number): Int32Array {
  const codebooks = ids.length / columns;
  const part = new Int32Array(codebooks * count);
  for (let codebook = 0; codebook < codebooks; codebook++) {
    const start = codebook * columns + from;
    part.set(ids.subarray(start, start + count), codebook * count);
  }
  return part;
}

/** How the graph wants the cache, after a look at whether it is the graph that the config describes. */
function blockShapeOf(session: Session, { decoderLayers: layers, vocabSize, info }: ModelConfig): BlockShape {
  const perLayer = ['cache', 'text'].flatMap((name) =>
    Array.from({ length: layers }, (_, layer) => [`${name}.${layer}.key`, `${name}.${layer}.value`]).flat(),
  );
  const others = [
    'input_ids',
    'start',
    'block_row',
    'block_slot',
    'block_sum',
    'row_blocks',
    'past_bias',
    'text_bias',
  ];
  requireNames(session, { inputs: [...others, ...perLayer], outputs: ['logits', 'fresh'] });
  const [, codebooks] = session.inputShape('input_ids');
  const [, , vocabulary] = session.outputShape('logits');
  const found = `${session.inputs.filter((name) => name.startsWith('cache.')).length / 2} layers, ${codebooks} codebooks of ${vocabulary} codes`;
  const promised = `${layers} layers, ${info.codebooks} codebooks of ${vocabSize} codes`;
  if (found !== promised) throw broken(session.file, `has ${found}, but config.json says ${promised}`);
  const [, heads, positions, size] = session.inputShape('cache.0.key').map(Number);
  return { layers, heads: heads ?? 0, positions: positions ?? 0, size: size ?? 0 };
}
