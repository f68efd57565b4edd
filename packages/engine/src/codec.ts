import { ServiceError } from '@musicgen/contract';
import type { Codes } from './checkpoint.ts';
import type { ChunkContext, ModelConfig } from './model-folder.ts';
import { floats, openSession, requireNames, type Session, type SessionOptions, Tensor } from './sessions.ts';

export interface Codec {
  /**
   * Begins the audio of a piece, whose codes may still be in the making.
   * @param codes [frames, codebooks]
   */
  open(codes: Codes, frames: number): AudioRun;
  release(): Promise<void>;
}

/** The audio of one piece, decoded stretch by stretch: memory and time of one run do not grow with the piece. */
export interface AudioRun {
  /** How many frames of codes must be known for the next stretch; undefined when all is decoded. */
  readonly neededFrames: number | undefined;
  /**
   * Decodes the next stretch.
   * @throws ServiceError `generation_failed`
   */
  next(): Promise<Stretch>;
}

/** A part of a piece's audio. */
export interface Stretch {
  /** Its first frame. */
  frame: number;
  /** Per channel `frames · hopLength` samples, which may exceed ±1. */
  samples: Float32Array[];
}

/** Frames `start` to `end` of a piece, decoded together with what surrounds them, `from` to `to`. */
export interface Chunk {
  start: number;
  end: number;
  from: number;
  to: number;
}

/**
 * What is decoded in one run, without context. Always the same, whatever else the engine does meanwhile, so that a
 * piece comes out the same to the last bit; short, because the steps of other pieces wait for it.
 */
const chunkSeconds = 5;

/** The codec graph's reflect padding needs as many frames. */
const fewestFrames = 4;

/**
 * Loads the decoder of the audio codec (EnCodec, or what takes its place).
 * @throws ServiceError `model_load_failed`
 */
export async function openCodec(options: SessionOptions, config: ModelConfig): Promise<Codec> {
  const session = await openSession(options);
  requireNames(session, { inputs: ['audio_codes'], outputs: ['audio_values'] });
  return {
    open: (codes, frames) => openAudioRun({ session, config, codes, frames }),
    release: () => session.release(),
  };
}

/** The samples of consecutive stretches as one array per channel. */
export function joinStretches(stretches: readonly Stretch[]): Float32Array[] {
  const channels = stretches[0]?.samples.length ?? 0;
  const length = stretches.reduce((sum, { samples }) => sum + (samples[0]?.length ?? 0), 0);
  return Array.from({ length: channels }, (_, channel) => {
    const joined = new Float32Array(length);
    let offset = 0;
    for (const { samples } of stretches) {
      joined.set(samples[channel] as Float32Array, offset);
      offset += samples[channel]?.length ?? 0;
    }
    return joined;
  });
}

interface OpenPiece {
  session: Session;
  config: ModelConfig;
  codes: Codes;
  frames: number;
}

function openAudioRun({ session, config, codes, frames }: OpenPiece): AudioRun {
  const { channels, frameRate } = config.info;
  const chunks = planChunks(frames, chunkSeconds * frameRate, config.chunkContext);
  return {
    get neededFrames() {
      return chunks[0]?.to;
    },
    async next() {
      const chunk = chunks.shift() as Chunk;
      const samples: Float32Array[] = [];
      for (let channel = 0; channel < channels; channel++) {
        const decoded = await decodeStretch(session, config, channelCodes(codes, chunk, channel, config));
        samples.push(middleOf(decoded, chunk, config.hopLength));
      }
      return { frame: chunk.start, samples };
    },
  };
}

/** Cuts a piece into stretches for the codec; without a known context it is decoded at once. */
export function planChunks(frames: number, chunkFrames: number, context?: ChunkContext): Chunk[] {
  if (context === undefined) return [{ start: 0, end: frames, from: 0, to: frames }];
  // No shorter than its own context, so that the work stays below twice that of one run.
  const length = Math.max(chunkFrames, context.leftFrames + context.rightFrames);
  return Array.from({ length: Math.ceil(frames / length) }, (_, index) => {
    const start = index * length;
    const end = Math.min(frames, start + length);
    const from = Math.max(0, start - context.leftFrames);
    return { start, end, from, to: Math.min(frames, end + context.rightFrames) };
  });
}

/** The codes of one channel, [codebooks of the channel, frames]; stereo models interleave them L0 R0 L1 R1 … */
function channelCodes(codes: Codes, chunk: Chunk, channel: number, config: ModelConfig): BigInt64Array[] {
  const { codebooks, channels } = config.info;
  const rows: BigInt64Array[] = [];
  for (let codebook = channel; codebook < codebooks; codebook += channels) {
    const row = new BigInt64Array(chunk.to - chunk.from);
    for (let index = 0; index < row.length; index++) {
      row[index] = BigInt(codes[(chunk.from + index) * codebooks + codebook] as number);
    }
    rows.push(row);
  }
  return rows;
}

/** Runs the codec on [codebooks, frames] of one channel. Too short a stretch repeats its last frame and is cut again. */
async function decodeStretch(
  session: Session,
  config: ModelConfig,
  rows: BigInt64Array[],
): Promise<Float32Array> {
  const frames = (rows[0] as BigInt64Array).length;
  const padded = Math.max(frames, fewestFrames);
  const data = new BigInt64Array(rows.length * padded);
  for (const [index, row] of rows.entries()) {
    data.fill(row[frames - 1] as bigint, index * padded, (index + 1) * padded);
    data.set(row, index * padded);
  }
  // [chunks, batch, codebooks, frames]; the graph has a first axis of its own, which must be 1
  const feeds = { audio_codes: new Tensor('int64', data, [1, 1, rows.length, padded]) };
  const samples = floats(await session.run(feeds, ['audio_values']), 'audio_values');
  checkSamples(samples, padded * config.hopLength, session.file);
  return samples.subarray(0, frames * config.hopLength);
}

function checkSamples(samples: Float32Array, wanted: number, file: string): void {
  if (samples.length !== wanted) {
    const problem = `${file} made ${samples.length} samples where config.json promises ${wanted}`;
    throw new ServiceError('generation_failed', problem);
  }
  if (!samples.every(Number.isFinite)) {
    throw new ServiceError('generation_failed', `${file} made samples that are not numbers`);
  }
}

/** A copy, so that what is kept does not keep the context alive. */
function middleOf(decoded: Float32Array, chunk: Chunk, hopLength: number): Float32Array {
  return decoded.slice((chunk.start - chunk.from) * hopLength, (chunk.end - chunk.from) * hopLength);
}
