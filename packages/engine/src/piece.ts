import { ServiceError, type TaskStage } from '@musicgen/contract';
import { type Codes, readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import { generateCodes } from './generate.ts';
import type { Model } from './model.ts';
import type { ModelConfig } from './model-folder.ts';
import { type PromptLimit, promptLimitWarnings } from './prompt-limits.ts';
import type { SamplingSettings } from './sampler.ts';
import type { PromptTokens } from './tokenizer.ts';

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
  const { config, textEncoder, codec } = model;
  const { signal, onProgress } = options;
  const { seed } = request;
  const frames = framesOf(request, config);
  const settings = settingsOf(request, config);
  const codes: Codes = new Uint16Array(frames * config.info.codebooks);
  const { known, warnings } = restore(codes, options.checkpoint, config);
  const checkpointAt = (frame: number) => writeCheckpoint(codes, frame, checkpointShape(config));
  const report = (stage: EngineStage, frame: number) => {
    onProgress?.({ stage, frame, frames, checkpoint: frame > 0 ? checkpointAt(frame) : undefined });
  };

  report('encoding_text', known);
  const tokens = model.tokenize(request.prompt);
  const encoding = await timed(() => textEncoder.encode([tokens.ids]));
  const condition = encoding.value;

  report('generating', known);
  const onFrame = atMostEvery(reportIntervalMs, (frame) => report('generating', frame));
  const rows = { condition, against: settings.guidanceScale > 1 ? ('nothing' as const) : undefined };
  const job = { rows, settings, seed, codes, known };
  const generating = await timed(() => generateCodes(job, model, { signal, onFrame }));

  report('decoding', frames);
  const decoding = await timed(() => codec.decode(codes, frames, signal));
  return {
    samples: decoding.value,
    sampleRate: config.info.sampleRate,
    frames,
    checkpoint: checkpointAt(frames),
    settings,
    warnings: [...warnings, ...promptWarnings(request.prompt, tokens, config.promptLimits)],
    stageSeconds: {
      encoding_text: encoding.seconds,
      generating: generating.seconds,
      decoding: decoding.seconds,
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
): { known: number; warnings: string[] } {
  if (checkpoint === undefined) return { known: 0, warnings: [] };
  const earlier = readCheckpoint(checkpoint, checkpointShape(config));
  if (earlier === undefined) {
    return {
      known: 0,
      warnings: ['The checkpoint of the earlier attempt could not be used; the piece was started over.'],
    };
  }
  const kept = earlier.subarray(0, codes.length);
  codes.set(kept);
  return { known: kept.length / config.info.codebooks, warnings: [] };
}

function checkpointShape(config: ModelConfig) {
  return { codebooks: config.info.codebooks, vocabSize: config.vocabSize };
}

function promptWarnings(prompt: string, tokens: PromptTokens, limits: PromptLimit[]): string[] {
  const warnings = promptLimitWarnings(prompt, limits);
  if (!tokens.truncated) return warnings;
  const used = tokens.ids.length;
  return [...warnings, `The prompt is longer than the model reads; only its first ${used} tokens were used.`];
}

async function timed<Value>(work: () => Promise<Value>): Promise<{ value: Value; seconds: number }> {
  const startedAt = performance.now();
  const value = await work();
  return { value, seconds: (performance.now() - startedAt) / 1000 };
}

function atMostEvery(intervalMs: number, call: (frame: number) => void): (frame: number) => void {
  let nextAt = performance.now() + intervalMs;
  return (frame) => {
    if (performance.now() < nextAt) return;
    nextAt = performance.now() + intervalMs;
    call(frame);
  };
}
