import { ServiceError } from '@musicgen/contract';
import { refuseIfAborted } from './cancellation.ts';
import type { Codes } from './checkpoint.ts';
import type { ChunkContext, ModelConfig } from './model-folder.ts';
import { floats, openSession, requireNames, type Session, type SessionOptions, Tensor } from './sessions.ts';

export interface Codec {
  /**
   * Turns codes into audio: one array of `frames · hopLength` samples per channel, which may exceed ±1.
   * @param codes [frames, codebooks]
   * @throws ServiceError `generation_failed`, or `task_cancelled` when the signal aborts between chunks
   */
  decode(codes: Codes, frames: number, signal?: AbortSignal): Promise<Float32Array[]>;
  release(): Promise<void>;
}

/** Frames `start` to `end` of a piece, decoded together with what surrounds them, `from` to `to`. */
export interface Chunk {
  start: number;
  end: number;
  from: number;
  to: number;
}

/** What is decoded in one run, without context; bounds memory whatever the piece's length. */
const chunkSeconds = 10;

/** The codec graph's reflect padding needs as many frames. */
const fewestFrames = 4;

/**
 * Loads the decoder of the audio codec (EnCodec, or what takes its place).
 * @throws ServiceError `model_load_failed`
 */
export async function openCodec(options: SessionOptions, config: ModelConfig): Promise<Codec> {
  const session = await openSession(options);
  requireNames(session, { inputs: ['audio_codes'], outputs: ['audio_values'] });
  const { channels, frameRate } = config.info;
  return {
    async decode(codes, frames, signal) {
      const audio = Array.from({ length: channels }, () => new Float32Array(frames * config.hopLength));
      for (const chunk of planChunks(frames, chunkSeconds * frameRate, config.chunkContext)) {
        for (const [channel, samples] of audio.entries()) {
          refuseIfAborted(signal);
          const decoded = await decodeStretch(session, config, channelCodes(codes, chunk, channel, config));
          copyMiddle(decoded, samples, chunk, config.hopLength);
        }
      }
      return audio;
    },
    release: () => session.release(),
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

function copyMiddle(decoded: Float32Array, target: Float32Array, chunk: Chunk, hopLength: number): void {
  const first = (chunk.start - chunk.from) * hopLength;
  const count = (chunk.end - chunk.start) * hopLength;
  target.set(decoded.subarray(first, first + count), chunk.start * hopLength);
}
