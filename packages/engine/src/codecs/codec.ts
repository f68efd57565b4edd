import { ServiceError } from '@musicgen/contract';
import type { Codes } from '../checkpoint.ts';
import type { ModelConfig } from '../model-folder.ts';
import { idTensor, type Tensor } from '../sessions.ts';

/** The decoder of the audio codec (EnCodec, or what takes its place), whatever its graph looks like. */
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
   * Decodes the next stretch. Stretches are always the same, whatever else the engine does meanwhile, so that a piece
   * comes out the same to the last bit.
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

/** Frames `from` to `to` of a piece. */
export interface FrameRange {
  from: number;
  to: number;
}

/**
 * The codes of a range as the codec's graph takes them, int64 [1, channels, codebooks of a channel, frames]. Stereo models
 * interleave the codebooks of their channels: L0 R0 L1 R1 … Beyond its end, a piece repeats its last frame.
 */
export function codesTensor(codes: Codes, { from, to }: FrameRange, { info }: ModelConfig): Tensor {
  const { codebooks, channels } = info;
  const perChannel = codebooks / channels;
  const frames = to - from;
  const last = codes.length / codebooks - 1;
  const ids = new Uint16Array(codebooks * frames);
  for (let channel = 0; channel < channels; channel++) {
    for (let index = 0; index < perChannel; index++) {
      const place = (channel * perChannel + index) * frames;
      const codebook = index * channels + channel;
      for (let frame = 0; frame < frames; frame++) {
        ids[place + frame] = codes[Math.min(from + frame, last) * codebooks + codebook] as number;
      }
    }
  }
  return idTensor(ids, [1, channels, perChannel, frames]);
}

/**
 * Refuses what a codec's graph has made when there is too much or too little of it, or when it is no sound.
 * @throws ServiceError `generation_failed`
 */
export function checkSamples(samples: Float32Array, wanted: number, file: string): void {
  if (samples.length !== wanted) {
    const problem = `${file} made ${samples.length} samples where config.json promises ${wanted}`;
    throw new ServiceError('generation_failed', problem);
  }
  if (!samples.every(Number.isFinite)) {
    throw new ServiceError('generation_failed', `${file} made samples that are not numbers`);
  }
}
