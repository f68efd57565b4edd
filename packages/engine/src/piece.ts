import { ServiceError, type TaskStage } from '@musicgen/contract';
import { type Codes, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { generateCodes, refuseIfAborted } from './generate.ts';
import type { Model } from './model.ts';
import type { ModelConfig } from './model-folder.ts';
import type { SamplingSettings } from './sampler.ts';

/** One piece of music to make. Settings that are absent have the model's own defaults. */
export interface PieceRequest extends Partial<SamplingSettings> {
  prompt: string;
  durationSeconds: number;
  /** Integer from 0 to 2^53 − 1; decides every random choice. */
  seed: number;
}

/** The stages that the engine goes through, of a task's. */
export type EngineStage = Extract<TaskStage, 'loading_model' | 'encoding_text' | 'generating' | 'decoding'>;

export interface PieceProgress {
  stage: EngineStage;
  /** Complete frames so far, of `frames` in all. */
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

const reportIntervalMs = 250;

/**
 * Makes a piece of music: prompt → text states → codes, frame by frame → audio.
 * @throws ServiceError `invalid_request`, `generation_failed`, or `task_cancelled` once the signal has aborted
 */
export async function generatePiece(
  model: Model,
  request: PieceRequest,
  options: GenerateOptions = {},
): Promise<Piece> {
  const { config } = model;
  const { signal, onProgress = () => {} } = options;
  const frames = framesOf(request, config);
  const settings = settingsOf(request, config);
  const codes: Codes = new Uint16Array(frames * config.info.codebooks);
  const resumed = restore(codes, options.checkpoint, config);
  const startedAt = performance.now();

  onProgress({ stage: 'encoding_text', frame: resumed.frame, frames });
  const prompt = model.tokenize(request.prompt);
  const condition = await model.textEncoder.encode([prompt.ids]);
  const encodedAt = performance.now();

  const report = (stage: EngineStage, frame: number) => {
    const checkpoint = frame > 0 ? writeCheckpoint(codes, frame, checkpointShape(config)) : undefined;
    onProgress({ stage, frame, frames, checkpoint });
  };
  report('generating', resumed.frame);
  await generateCodes({
    decoder: model.decoder,
    config,
    condition,
    settings,
    seed: request.seed,
    codes,
    known: resumed.frame,
    signal,
    onFrame: atMostEvery(reportIntervalMs, (frame) => report('generating', frame)),
  });
  const generatedAt = performance.now();

  report('decoding', frames);
  refuseIfAborted(signal);
  const samples = await model.codec.decode(codes, frames, signal).catch((error: unknown) => {
    refuseIfAborted(signal);
    throw error;
  });
  return {
    samples,
    sampleRate: config.info.sampleRate,
    frames,
    checkpoint: writeCheckpoint(codes, frames, checkpointShape(config)),
    settings,
    warnings: [...resumed.warnings, ...promptWarnings(prompt)],
    stageSeconds: {
      encoding_text: (encodedAt - startedAt) / 1000,
      generating: (generatedAt - encodedAt) / 1000,
      decoding: (performance.now() - generatedAt) / 1000,
    },
  };
}

function framesOf(request: PieceRequest, config: ModelConfig): number {
  const { durationSeconds, seed } = request;
  if (!Number.isFinite(durationSeconds) || durationSeconds <= 0) {
    throw new ServiceError('invalid_request', `A piece cannot last ${durationSeconds} seconds`);
  }
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new ServiceError('invalid_request', `The seed ${seed} is not an integer from 0 to 2^53 − 1`);
  }
  return Math.max(1, Math.round(durationSeconds * config.info.frameRate));
}

function settingsOf(request: PieceRequest, { info: { defaults } }: ModelConfig): SamplingSettings {
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

/** Puts a checkpoint's frames into the codes. One that does not fit is left out: the piece then starts over. */
function restore(
  codes: Codes,
  checkpoint: Buffer | undefined,
  config: ModelConfig,
): { frame: number; warnings: string[] } {
  if (checkpoint === undefined) return { frame: 0, warnings: [] };
  const earlier = readCheckpoint(checkpoint, checkpointShape(config));
  if (earlier === undefined) {
    return {
      frame: 0,
      warnings: ['The checkpoint of the earlier attempt could not be used; the piece was started over.'],
    };
  }
  const kept = earlier.subarray(0, codes.length);
  codes.set(kept);
  return { frame: kept.length / config.info.codebooks, warnings: [] };
}

function checkpointShape(config: ModelConfig) {
  return { codebooks: config.info.codebooks, vocabSize: config.vocabSize };
}

function promptWarnings(prompt: { ids: number[]; truncated: boolean }): string[] {
  if (!prompt.truncated) return [];
  return [`The prompt is longer than the model reads; only its first ${prompt.ids.length} tokens were used.`];
}

function atMostEvery(intervalMs: number, call: (frame: number) => void): (frame: number) => void {
  let nextAt = performance.now() + intervalMs;
  return (frame) => {
    if (performance.now() < nextAt) return;
    nextAt = performance.now() + intervalMs;
    call(frame);
  };
}
