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
  type Tensors,
} from '../sessions.ts';
import { type Condition, stackConditions, withoutText } from '../text-encoder.ts';
import type { Decoder, DecoderSequence, SequenceRows } from './decoder.ts';

/** Names of the key/value cache as the graph takes (`past`) and returns (`present`) it. */
interface CacheName {
  past: string;
  present: string;
}

/**
 * Loads `decoder_model_merged`, the layout that Optimum writes and transformers.js reads: one graph with two branches.
 * Without cache it takes any number of columns and ignores the past; with cache it takes exactly one.
 * @throws ServiceError `model_load_failed`
 */
export async function openStandardDecoder(options: SessionOptions, config: ModelConfig): Promise<Decoder> {
  const session = await openSession(options);
  const selfAttention = cacheNames(config.decoderLayers, 'decoder');
  const crossAttention = cacheNames(config.decoderLayers, 'encoder');
  const caches = [...selfAttention, ...crossAttention];
  requireNames(session, {
    inputs: ['input_ids', 'encoder_attention_mask', 'encoder_hidden_states', 'use_cache_branch'].concat(
      caches.map((name) => name.past),
    ),
    outputs: ['logits', ...caches.map((name) => name.present)],
  });
  const extra = `past_key_values.${config.decoderLayers}.decoder.key`;
  if (session.inputs.includes(extra)) {
    throw broken(session.file, `has more layers than the ${config.decoderLayers} that config.json says`);
  }
  const layout = { session, config, selfAttention, crossAttention };
  const open = new Map<DecoderSequence, Feed>();
  return {
    open(rows) {
      const condition = stackRows(rows);
      const sequence: DecoderSequence = {
        rows: rows.against === undefined ? 1 : 2,
        release: () => open.delete(sequence),
      };
      open.set(sequence, createFeed(layout, condition));
      return sequence;
    },
    async step(inputs) {
      const logits: Float32Array[] = [];
      // The cached branch takes caches of one length only, so sequences of different ages cannot share a run.
      for (const { sequence, ids, columns } of inputs) {
        const feed = open.get(sequence);
        if (feed === undefined) throw new ServiceError('internal', 'A released sequence was stepped');
        logits.push(await feed(ids, columns));
      }
      return logits;
    },
    release: () => session.release(),
  };
}

interface Layout {
  session: Session;
  config: ModelConfig;
  selfAttention: CacheName[];
  crossAttention: CacheName[];
}

/** Appends columns, the same to every row, and returns the logits of the last one. */
type Feed = (ids: Int32Array, columns: number) => Promise<Float32Array>;

function createFeed(layout: Layout, condition: Condition): Feed {
  const { session, config, selfAttention, crossAttention } = layout;
  const { rows } = condition;
  const idRows = rows * config.info.codebooks;
  const feeds = { ...conditionFeeds(condition), ...emptyCaches(session, rows) };
  let started = false;

  return async (ids, columns) => {
    feeds.input_ids = idTensor(repeat(ids, rows), [idRows, columns]);
    feeds.use_cache_branch = new Tensor('bool', Uint8Array.of(started ? 1 : 0), [1]);
    // With cache, the graph returns dummies for the keys and values of the text: those of the first call stay.
    const returned = started ? selfAttention : [...selfAttention, ...crossAttention];
    const outputs = await session.run(feeds, ['logits', ...returned.map((name) => name.present)]);
    for (const { past, present } of returned) feeds[past] = outputs[present] as Tensor;
    started = true;
    const logits = floats(outputs, 'logits');
    checkLogits(logits, idRows * columns * config.vocabSize, session.file);
    return lastColumn(logits, { idRows, columns, vocabSize: config.vocabSize });
  };
}

function repeat(ids: Int32Array, times: number): Int32Array {
  const repeated = new Int32Array(times * ids.length);
  for (let time = 0; time < times; time++) repeated.set(ids, time * ids.length);
  return repeated;
}

function stackRows({ condition, against }: SequenceRows): Condition {
  if (against === undefined) return condition;
  return stackConditions([condition, against === 'nothing' ? withoutText(condition) : against]);
}

function conditionFeeds({ rows, tokens, states, mask }: Condition): Tensors {
  return {
    // [rows, tokens, width]
    encoder_hidden_states: new Tensor('float32', states, [rows, tokens, states.length / (rows * tokens)]),
    encoder_attention_mask: idTensor(mask, [rows, tokens]),
  };
}

/** A cache of no positions, [rows, heads, 0, head width], for every input that takes one. */
function emptyCaches(session: Session, rows: number): Tensors {
  const names = session.inputs.filter((name) => name.startsWith('past_key_values.'));
  return Object.fromEntries(
    names.map((name) => {
      const [, heads, , width] = session.inputShape(name);
      return [name, new Tensor('float32', new Float32Array(0), [rows, sizeOf(heads), 0, sizeOf(width)])];
    }),
  );
}

/** A dimension's size; one the graph leaves free does not matter to the branch that ignores the past. */
function sizeOf(dimension: number | string | undefined): number {
  return typeof dimension === 'number' ? dimension : 1;
}

function cacheNames(layers: number, kind: 'decoder' | 'encoder'): CacheName[] {
  return Array.from({ length: layers }, (_, layer) => [`${layer}.${kind}.key`, `${layer}.${kind}.value`])
    .flat()
    .map((name) => ({ past: `past_key_values.${name}`, present: `present.${name}` }));
}

function checkLogits(logits: Float32Array, wanted: number, file: string): void {
  if (logits.length === wanted) return;
  const problem = `${file} returned ${logits.length} logits where config.json promises ${wanted}`;
  throw new ServiceError('generation_failed', problem);
}

/** From logits [rows · codebooks, columns, vocabulary], those of the last column, [rows · codebooks, vocabulary]. */
function lastColumn(
  logits: Float32Array,
  { idRows, columns, vocabSize }: { idRows: number; columns: number; vocabSize: number },
): Float32Array {
  if (columns === 1) return logits;
  const last = new Float32Array(idRows * vocabSize);
  for (let row = 0; row < idRows; row++) {
    const end = (row + 1) * columns * vocabSize;
    last.set(logits.subarray(end - vocabSize, end), row * vocabSize);
  }
  return last;
}
