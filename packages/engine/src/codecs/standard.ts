import type { Codes } from '../checkpoint.ts';
import type { ChunkContext, ModelConfig } from '../model-folder.ts';
import { floats, openSession, requireNames, type Session, type SessionOptions } from '../sessions.ts';
import { type AudioRun, type Codec, checkSamples, codesTensor, type FrameRange } from './codec.ts';

/** Frames `start` to `end` of a piece, decoded together with what surrounds them, `from` to `to`. */
export interface Chunk extends FrameRange {
  start: number;
  end: number;
}

/** What is decoded in one run, without context: short, because the steps of other pieces wait for it. */
const chunkSeconds = 5;

/** The graph that Optimum exports cannot take less: its reflect padding. */
const fewestFrames = 4;

/**
 * Loads the codec of the standard layout, whose graph knows nothing of earlier runs: each chunk comes with context.
 * @throws ServiceError `model_load_failed`
 */
export async function openStandardCodec(options: SessionOptions, config: ModelConfig): Promise<Codec> {
  const session = await openSession(options);
  requireNames(session, { inputs: ['audio_codes'], outputs: ['audio_values'] });
  return {
    open: (codes, frames) => openAudioRun({ session, config, codes, frames }),
    release: () => session.release(),
  };
}

interface OpenPiece {
  session: Session;
  config: ModelConfig;
  codes: Codes;
  frames: number;
}

function openAudioRun(piece: OpenPiece): AudioRun {
  const { config, frames } = piece;
  const chunks = planChunks(frames, chunkSeconds * config.info.frameRate, config.chunkContext);
  return {
    get neededFrames() {
      return chunks[0]?.to;
    },
    async next() {
      const chunk = chunks.shift() as Chunk;
      return { frame: chunk.start, samples: await decodeChunk(piece, chunk) };
    },
  };
}

/** Cuts a piece into chunks for the codec; without a known context it is decoded at once. */
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

/** Each channel's samples of the chunk. Too short a stretch of codes repeats its last frame and is cut again. */
async function decodeChunk({ session, config, codes }: OpenPiece, chunk: Chunk): Promise<Float32Array[]> {
  const { hopLength, info } = config;
  const { start, end, from } = chunk;
  const to = Math.max(chunk.to, from + fewestFrames);
  const feeds = { audio_codes: codesTensor(codes, { from, to }, config) };
  const samples = floats(await session.run(feeds, ['audio_values']), 'audio_values');
  const length = (to - from) * hopLength;
  checkSamples(samples, length * info.channels, session.file);
  // Copies, so that what is kept does not keep the context alive.
  return Array.from({ length: info.channels }, (_, channel) => {
    const first = channel * length + (start - from) * hopLength;
    return samples.slice(first, first + (end - start) * hopLength);
  });
}
