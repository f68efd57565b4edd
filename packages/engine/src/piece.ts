import { ServiceError, type TaskStage } from '@musicgen/contract';
import type { Recording } from './audio-encoder.ts';
import type { Stretch } from './codecs/codec.ts';
import type { ModelConfig } from './model-folder.ts';
import type { SamplingSettings } from './sampler.ts';

/** One piece of music to make. Settings that are absent have the model's own defaults. */
export interface PieceRequest extends Partial<SamplingSettings> {
  prompt: string;
  /** What guidance leads away from; without guidance it has no effect. */
  negativePrompt?: string;
  /** Of new audio. */
  durationSeconds: number;
  /** Integer from 0 to 2^53 − 1; decides every random choice. */
  seed: number;
  /** The piece then begins with this, and `durationSeconds` come after it. */
  continueFrom?: Continuation;
}

/**
 * What a piece goes on from: the codes of an earlier piece of the same model (`Piece.checkpoint`), which is exact, or
 * any recording, which the codec has to encode.
 */
export type Continuation = { codes: Buffer } | Recording;

/** The stages that the engine goes through, of a task's. */
export type EngineStage = Extract<TaskStage, 'loading_model' | 'encoding_text' | 'generating' | 'decoding'>;

export interface PieceProgress {
  stage: EngineStage;
  /** Complete frames so far, of `frames` in all; what a continuation begins with counts. */
  frame: number;
  frames: number;
  /** From which another run of the same request can go on; absent before the first frame. */
  checkpoint?: Buffer;
}

export interface GenerateOptions {
  /** Aborting stops the work before the next decoder step. */
  signal?: AbortSignal;
  /** Called at every change of stage, and at most four times a second in between. */
  onProgress?: (progress: PieceProgress) => void;
  /** What an earlier run of the same request reported; the piece comes out as if that run had never stopped. */
  checkpoint?: Buffer;
  /**
   * Called with each stretch of audio, in order and a few seconds long, as soon as its frames are there. Without it, the
   * audio is decoded when all frames are.
   */
  onPreview?: (stretch: Stretch) => void;
  /** `alone`: shares the engine with no other piece, because it, or one of those beside it, has brought it down. */
  company?: 'any' | 'alone';
}

export interface Piece {
  /** Per channel, left first; may exceed ±1. */
  samples: Float32Array[];
  sampleRate: number;
  frames: number;
  /** All codes, in the format of a checkpoint. */
  checkpoint: Buffer;
  /** The settings really used. */
  settings: SamplingSettings;
  /** Sentences for the caller about what was done otherwise than asked. */
  warnings: string[];
  stageSeconds: Record<Exclude<EngineStage, 'loading_model'>, number>;
}

/**
 * The frames a request asks for, without those of what it goes on from.
 * @throws ServiceError `invalid_request`
 */
export function newFramesOf(request: PieceRequest, config: ModelConfig): number {
  const { durationSeconds, seed } = request;
  if (!Number.isFinite(durationSeconds) || durationSeconds <= 0) {
    throw new ServiceError('invalid_request', `A piece cannot last ${durationSeconds} seconds`);
  }
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new ServiceError('invalid_request', `The seed ${seed} is not an integer from 0 to 2^53 − 1`);
  }
  return Math.max(1, Math.round(durationSeconds * config.info.frameRate));
}

/**
 * The settings a request means, with the model's defaults.
 * @throws ServiceError `invalid_request`
 */
export function settingsOf(request: PieceRequest, { info: { defaults } }: ModelConfig): SamplingSettings {
  const settings = {
    guidanceScale: Math.max(1, request.guidanceScale ?? defaults.guidanceScale),
    temperature: request.temperature ?? defaults.temperature,
    topK: request.topK ?? defaults.topK,
    topP: request.topP ?? defaults.topP,
  };
  for (const [name, value] of Object.entries(settings)) {
    if (Number.isFinite(value) && value >= 0) continue;
    throw new ServiceError('invalid_request', `The setting ${name} cannot be ${value}`);
  }
  return settings;
}
