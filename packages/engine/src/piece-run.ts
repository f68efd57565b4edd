import { ServiceError } from '@musicgen/contract';
import type { Codes } from './checkpoint.ts';
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import type { AudioRun } from './codecs/codec.ts';
import { Columns } from './columns.ts';
import type { SequenceRows, StepInput } from './decoders/decoder.ts';
import type { Model } from './model.ts';
import type { ModelConfig } from './model-folder.ts';
import {
  type EngineStage,
  type GenerateOptions,
  newFramesOf,
  type Piece,
  type PieceRequest,
  settingsOf,
} from './piece.ts';
import { promptLimitWarnings } from './prompt-limits.ts';
import type { SamplingSettings } from './sampler.ts';
import type { Condition } from './text-encoder.ts';
import type { PromptTokens } from './tokenizer.ts';

const reportIntervalMs = 250;
/** With what it goes on from; a chain of continuations would otherwise grow beyond any memory. */
const longestSeconds = 3600;

/**
 * One piece on its way through the engine. It never runs by itself: `batch.ts` gives it its turns.
 *
 *     work()            nextInput() and take()           work()
 *     encoding_text ──► generating, column by column ──► decoding, stretch by stretch ──► finished
 *                       └ work() too, when somebody listens to the preview
 */
export class PieceRun {
  readonly settings: SamplingSettings;
  readonly #model: Model;
  readonly #request: PieceRequest;
  readonly #options: GenerateOptions;
  readonly #codes: Codes;
  readonly #frames: number;
  readonly #audio: AudioRun;
  /** Per channel; the operating system gives memory to it as it is written. */
  #samples: Float32Array[] = [];
  readonly #warnings: string[] = [];
  readonly #seconds = { encoding_text: 0, generating: 0, decoding: 0 };
  /** Frames that are there before the first is made. */
  readonly #known: number;
  /** Until the recording that the piece goes on from is encoded. */
  #recording: AsyncGenerator<void> | undefined;
  #stage: EngineStage = 'encoding_text';
  #columns: Columns | undefined;
  #generatingSince = 0;
  #nextReportAt = 0;

  /** @throws ServiceError `invalid_request` */
  constructor(model: Model, request: PieceRequest, options: GenerateOptions) {
    const { config } = model;
    this.#model = model;
    this.#request = request;
    this.#options = options;
    this.settings = settingsOf(request, config);
    const beginning = this.#framesBefore();
    this.#frames = beginning + newFramesOf(request, config);
    refuseUnlessShorter(this.#frames, config);
    this.#codes = new Uint16Array(this.#frames * config.info.codebooks);
    const there = Math.max(this.#restore(options.checkpoint), this.#copyCodes());
    if (there < beginning) this.#recording = this.#encodeRecording();
    this.#known = Math.max(there, beginning);
    this.#audio = model.codec.open(this.#codes, this.#frames);
  }

  get isGenerating(): boolean {
    return this.#stage === 'generating';
  }

  get isFinished(): boolean {
    return this.#stage === 'decoding' && this.#audio.neededFrames === undefined;
  }

  /** Whether there is something to do besides steps of the decoder. */
  get hasWork(): boolean {
    const { neededFrames } = this.#audio;
    if (this.#stage === 'encoding_text') return true;
    if (neededFrames === undefined) return false;
    if (this.#stage === 'decoding') return true;
    return this.#options.onPreview !== undefined && neededFrames <= (this.#columns?.frame ?? 0);
  }

  /** Does one such thing, which takes a bounded time whatever the piece's length. */
  async work(): Promise<void> {
    const startedAt = performance.now();
    const stage = this.#stage === 'encoding_text' ? 'encoding_text' : 'decoding';
    if (stage === 'decoding') await this.#decodeStretch();
    else if (this.#recording) await this.#encodeNextStretch(this.#recording);
    else await this.#encode();
    this.#seconds[stage] += (performance.now() - startedAt) / 1000;
    if (stage === 'encoding_text' && this.#columns) this.#startGenerating();
  }

  /** What to feed the decoder next. */
  nextInput(): StepInput {
    return (this.#columns as Columns).next();
  }

  /**
   * Takes the decoder's answer.
   * @throws ServiceError `generation_failed` when it is not finite
   */
  take(logits: Float32Array): void {
    const columns = this.#columns as Columns;
    const before = columns.frame;
    columns.take(logits);
    if (columns.isDone) this.#startDecoding();
    else if (columns.frame > before && performance.now() >= this.#nextReportAt) this.#report(columns.frame);
  }

  /** Takes the last input back: the decoder failed, and what it holds for the piece is of no use any more. */
  rewind(): void {
    this.#columns?.rewind();
  }

  /** Of a finished run. */
  piece(): Piece {
    const { info } = this.#model.config;
    return {
      samples: this.#samples,
      sampleRate: info.sampleRate,
      frames: this.#frames,
      checkpoint: this.#checkpointAt(this.#frames),
      settings: this.settings,
      warnings: this.#warnings,
      stageSeconds: this.#seconds,
    };
  }

  /** Frees what the decoder holds for the piece. */
  release(): void {
    this.#columns?.release();
  }

  /** How many frames the piece goes on from. */
  #framesBefore(): number {
    const { continueFrom } = this.#request;
    if (continueFrom === undefined) return 0;
    const { config, audioEncoder } = this.#model;
    if ('codes' in continueFrom) return this.#codesBefore().length / config.info.codebooks;
    if (audioEncoder !== undefined) return audioEncoder.framesOf(continueFrom);
    throw new ServiceError(
      'invalid_request',
      `${config.info.name} has no codec encoder (onnx/encodec_encode.onnx), so it can only go on from its own tasks`,
    );
  }

  /** The codes the piece goes on from, where it is given codes. */
  #codesBefore(): Codes {
    const { continueFrom } = this.#request;
    if (continueFrom === undefined || !('codes' in continueFrom)) return new Uint16Array();
    const codes = readCheckpoint(continueFrom.codes, this.#codeShape());
    if (codes !== undefined) return codes;
    throw new ServiceError('invalid_request', 'The codes to go on from are damaged or of another model');
  }

  /** Copies them and returns how many frames they are. */
  #copyCodes(): number {
    const before = this.#codesBefore();
    this.#codes.set(before);
    return before.length / this.#model.config.info.codebooks;
  }

  /** Fills in the codes of the recording that the piece goes on from, step by step. */
  #encodeRecording(): AsyncGenerator<void> | undefined {
    const { continueFrom } = this.#request;
    if (continueFrom === undefined || 'codes' in continueFrom) return undefined;
    return this.#model.audioEncoder?.encode(continueFrom, this.#codes);
  }

  /**
   * Puts a checkpoint's frames into the codes and returns how many there are. One that does not fit is left out: the
   * piece then starts over.
   */
  #restore(checkpoint: Buffer | undefined): number {
    if (checkpoint === undefined) return 0;
    const earlier = readCheckpoint(checkpoint, this.#codeShape());
    if (earlier === undefined) {
      this.#warnings.push(
        'The checkpoint of the earlier attempt could not be used; the piece was started over.',
      );
      return 0;
    }
    const kept = earlier.subarray(0, this.#codes.length);
    this.#codes.set(kept);
    return kept.length / this.#model.config.info.codebooks;
  }

  async #encodeNextStretch(recording: AsyncGenerator<void>): Promise<void> {
    this.#report(0);
    const { done } = await recording.next();
    if (done) this.#recording = undefined;
  }

  async #encode(): Promise<void> {
    this.#report(this.#known);
    const { prompt } = this.#request;
    const tokens = this.#model.tokenize(prompt);
    this.#warnings.push(...this.#promptWarnings(prompt, tokens));
    if (this.#request.negativePrompt !== undefined && this.settings.guidanceScale === 1) {
      this.#warnings.push('A negative prompt has no effect without guidance (guidance_scale 1).');
    }
    const rows: SequenceRows = { condition: await this.#encodeText(tokens) };
    if (this.settings.guidanceScale > 1) rows.against = await this.#encodeNegative();
    const { seed } = this.#request;
    const job = { rows, settings: this.settings, seed, codes: this.#codes, known: this.#known };
    this.#columns = new Columns(job, this.#model);
  }

  async #encodeNegative(): Promise<'nothing' | Condition> {
    const { negativePrompt } = this.#request;
    return negativePrompt === undefined ? 'nothing' : this.#encodeText(this.#model.tokenize(negativePrompt));
  }

  #encodeText({ ids }: PromptTokens): Promise<Condition> {
    return this.#model.textEncoder.encode([ids]);
  }

  #startGenerating(): void {
    this.#stage = 'generating';
    this.#generatingSince = performance.now();
    this.#report(this.#known);
    if (this.#columns?.isDone) this.#startDecoding();
  }

  #startDecoding(): void {
    this.#stage = 'decoding';
    this.#seconds.generating = (performance.now() - this.#generatingSince) / 1000;
    this.#report(this.#frames);
  }

  async #decodeStretch(): Promise<void> {
    const stretch = await this.#audio.next();
    const { hopLength } = this.#model.config;
    if (stretch.frame === 0) {
      this.#samples = stretch.samples.map(() => new Float32Array(this.#frames * hopLength));
    }
    for (const [channel, samples] of stretch.samples.entries()) {
      this.#samples[channel]?.set(samples, stretch.frame * hopLength);
    }
    this.#options.onPreview?.(stretch);
  }

  #report(frame: number): void {
    this.#nextReportAt = performance.now() + reportIntervalMs;
    const checkpoint = frame > 0 ? this.#checkpointAt(frame) : undefined;
    this.#options.onProgress?.({ stage: this.#stage, frame, frames: this.#frames, checkpoint });
  }

  #checkpointAt(frame: number): Buffer {
    return writeCheckpoint(this.#codes, frame, this.#codeShape());
  }

  #codeShape() {
    const { info, vocabSize } = this.#model.config;
    return { codebooks: info.codebooks, vocabSize };
  }

  #promptWarnings(prompt: string, { truncated, ids }: PromptTokens): string[] {
    const warnings = promptLimitWarnings(prompt, this.#model.config.promptLimits);
    if (!truncated) return warnings;
    return [
      ...warnings,
      `The prompt is longer than the model reads; only its first ${ids.length} tokens were used.`,
    ];
  }
}

function refuseUnlessShorter(frames: number, { info }: ModelConfig): void {
  const seconds = frames / info.frameRate;
  if (seconds <= longestSeconds) return;
  const problem = `The piece would last ${Math.round(seconds)} s with what it goes on from; ${longestSeconds} s are allowed`;
  throw new ServiceError('invalid_request', problem);
}
