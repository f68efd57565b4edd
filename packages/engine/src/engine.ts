import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceError, toServiceError } from '@musicgen/contract';
import type { Speed } from './batch-size.ts';
import { cancelled } from './cancellation.ts';
import type { Stretch } from './codecs/codec.ts';
import {
  crashed,
  describeExit,
  type EngineChild,
  type Exit,
  revive,
  startChild,
  type WorkReport,
} from './engine-child.ts';
import { describeRefusals, type ExecutionProvider, type Placement } from './execution-providers.ts';
import type { Effort } from './generate.ts';
import type { ModelInfo } from './model-folder.ts';
import type { GenerateOptions, Piece, PieceProgress, PieceRequest } from './piece.ts';

/** As much of a logger as the engine needs. */
export interface EngineLogger {
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
}

export interface EngineOptions {
  /** A Hugging Face MusicGen repository with ONNX graphs. */
  modelFolder: string;
  /** Threads of one operator; absent: what the size of each graph deserves. */
  threads?: number;
  /** Pieces made at once; absent: as many as this machine gains by, which is measured when the model is loaded. */
  maxBatch?: number;
  /** What to compute with, in order of preference; absent: the CPU. */
  providers?: readonly ExecutionProvider[];
  logger?: EngineLogger;
}

export interface EngineEvents {
  /** The child process has ended, by itself or by `close`. */
  'engine:exit': [Exit];
  /** A restart is due after a pause; `attempt` counts since the last piece that was finished. */
  'engine:restarting': [{ attempt: number; delayMs: number }];
  /** A restarted child has loaded the model. */
  'engine:ready': [];
  /** In a pool, a model was loaded because a piece asked for it. */
  'engine:loaded': [{ model: string; seconds: number }];
  /** About once a second while the decoder is stepped. */
  'engine:effort': [Effort & { model: string }];
  /** A restarted child could not load the model; the next one tries again. */
  'engine:load-failed': [{ error: ServiceError }];
}

/** A child process with a model in it; survives the child's death. */
export interface Engine {
  readonly model: ModelInfo;
  /** Pieces it makes at once; more that are asked for wait. */
  readonly slots: number;
  /** As it was measured when the model was loaded, then in work. */
  readonly speed: Speed;
  /** What its process took of the machine's memory when it last said so. */
  readonly memoryBytes: number;
  readonly state: 'ready' | 'restarting' | 'closed';
  readonly events: EventEmitter<EngineEvents>;
  /**
   * Makes one piece, beside as many others as there are slots. While the child restarts, pieces wait for it; those that
   * were in work together when it died are made one by one then, each from where it stood.
   * @throws ServiceError `task_cancelled` soon after the signal aborts (its cause is the signal's reason),
   * `engine_crashed` when the child dies while it works on this piece alone, `generation_failed`, `out_of_memory`,
   * `invalid_request`, `model_load_failed` when the restart they waited for fails, `draining` when the engine is closed
   */
  generate(request: PieceRequest, options?: GenerateOptions): Promise<Piece>;
  /** Ends the child; pieces in work are rejected. */
  close(): Promise<void>;
}

/** How one child's work on a piece ended: with the piece, or with the child, and another is to go on. */
type Attempt = { piece: Piece } | { again: 'as before' | 'alone' };

/** A piece that a child has been given. */
interface Pending {
  resolve(attempt: Attempt): void;
  reject(error: ServiceError): void;
  onProgress(progress: PieceProgress): void;
  onPreview(stretch: Stretch): void;
  /** Whether the child has begun to work on it. */
  isStarted: boolean;
}

const firstRestartDelayMs = 100;
const longestRestartDelayMs = 30_000;
/** The weight of the latest second in the measured speed. */
const speedWeight = 0.1;
/** A run of ONNX Runtime cannot be stopped: a child that heeds neither a cancellation nor a close by then is killed. */
const obeyMs = { cancel: 30_000, close: 3000 };

/**
 * Starts a child process and loads the model in it.
 * @throws ServiceError `model_load_failed` that names the file and what is wrong, `engine_crashed`
 */
export async function startEngine(options: EngineOptions): Promise<Engine> {
  const engine = new ChildEngine(options);
  await engine.start();
  return engine;
}

/**
 *     start() ──► ready ──child exits──► restarting ──child loaded──► ready
 *                   │                     │  ▲ └─child exits─┐
 *                   └──close()─► closed ◄─┘  └──longer pause─┘
 */
class ChildEngine implements Engine {
  readonly events = new EventEmitter<EngineEvents>();
  readonly #options: EngineOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #closing = new AbortController();
  #model: ModelInfo | undefined;
  #slots = 1;
  #speed: Speed = { alone: 1, all: 1 };
  #memoryBytes = 0;
  #state: Engine['state'] = 'restarting';
  #child: EngineChild | undefined;
  /** Settles when the child that is starting, or about to, has loaded the model or failed to. */
  #ready: Promise<void> = Promise.resolve();
  #nextId = 1;
  /** Restarts since the last finished piece. */
  #restarts = 0;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  get model(): ModelInfo {
    if (this.#model === undefined) throw new ServiceError('internal', 'The engine has not started');
    return this.#model;
  }

  get slots(): number {
    return this.#slots;
  }

  get speed(): Speed {
    return this.#speed;
  }

  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  get state(): Engine['state'] {
    return this.#state;
  }

  async start(): Promise<void> {
    const { modelFolder, threads, providers, maxBatch, logger } = this.#options;
    const child = startChild({
      // A child that takes the place of another makes as many pieces at once: the worker has claimed as many tasks.
      process: { modelFolder, threads, providers, maxBatch: this.#model ? this.#slots : maxBatch },
      onReport: (report) => this.#settle(report),
      onExit: (exit) => this.#afterExit(exit),
      onWarning: (line) => logger?.warn(line),
    });
    this.#child = child;
    const { model, plan, placements, memoryBytes } = await child.loaded;
    this.#model = model;
    this.#slots = plan.slots;
    this.#speed = plan.speed;
    this.#memoryBytes = memoryBytes;
    if (this.#state === 'closed') return;
    this.#state = 'ready';
    const runsOn = Object.fromEntries(placements.map(({ file, provider }) => [file, provider]));
    logger?.info('The engine is ready', { model: model.name, pid: child.pid, runsOn, ...plan, memoryBytes });
    warnOfRefusals(placements, logger);
  }

  async generate(request: PieceRequest, options: GenerateOptions = {}): Promise<Piece> {
    const attempt = { ...options };
    let latest: PieceProgress = { stage: 'loading_model', frame: 0, frames: 0 };
    attempt.onProgress = (progress) => {
      latest = progress;
      attempt.checkpoint = progress.checkpoint ?? attempt.checkpoint;
      options.onProgress?.(progress);
    };
    for (;;) {
      if (this.#state === 'restarting') options.onProgress?.({ ...latest, stage: 'loading_model' });
      await unlessAborted(this.#ready, options.signal);
      if (this.#state === 'closed') throw new ServiceError('draining', 'The engine is closed');
      const outcome = await this.#attempt(request, attempt);
      if ('piece' in outcome) return outcome.piece;
      if (outcome.again === 'alone') attempt.company = 'alone';
    }
  }

  /** One child's work on a piece. */
  async #attempt(request: PieceRequest, options: GenerateOptions): Promise<Attempt> {
    const { signal, checkpoint, company, onProgress, onPreview } = options;
    const id = this.#nextId++;
    const cancel = () => this.#cancel(id);
    signal?.addEventListener('abort', cancel);
    try {
      return await new Promise<Attempt>((resolve, reject) => {
        const pending = {
          resolve,
          reject,
          isStarted: false,
          onProgress: (progress: PieceProgress) => onProgress?.(progress),
          onPreview: (stretch: Stretch) => onPreview?.(stretch),
        };
        this.#pending.set(id, pending);
        const preview = onPreview ? 'wanted' : 'none';
        this.#child?.send({ type: 'generate', id, request, checkpoint, company, preview });
      });
    } catch (error) {
      throw signal?.aborted ? cancelled(signal) : error;
    } finally {
      this.#pending.delete(id);
      signal?.removeEventListener('abort', cancel);
    }
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#closing.abort();
    await this.#child?.close(obeyMs.close);
  }

  #settle(report: WorkReport): void {
    if (report.type === 'effort') {
      this.#memoryBytes = report.memoryBytes;
      this.#learnSpeed(report.effort);
      return;
    }
    const pending = this.#pending.get(report.id);
    if (pending === undefined) return;
    switch (report.type) {
      case 'progress':
        pending.isStarted = true;
        pending.onProgress(report.progress);
        return;
      case 'preview':
        pending.onPreview(report.stretch);
        return;
      case 'failed':
        pending.reject(revive(report.error));
        return;
      case 'done':
        this.#restarts = 0;
        pending.resolve({ piece: report.piece });
        return;
      default:
        report satisfies never;
    }
  }

  /** Follows the speed slowly, so that one moment's disturbance does not decide what waiting callers are promised. */
  #learnSpeed(effort: Effort): void {
    const pieces = effort.columns / effort.steps;
    const framesPerSecond = effort.columns / effort.stepSeconds;
    const follow = (known: number) => known + (framesPerSecond - known) * speedWeight;
    if (pieces < 1.25) this.#speed = { ...this.#speed, alone: follow(this.#speed.alone) };
    if (pieces > this.#slots - 0.25) this.#speed = { ...this.#speed, all: follow(this.#speed.all) };
    this.events.emit('engine:effort', { ...effort, model: this.model.name });
  }

  #cancel(id: number): void {
    const child = this.#child;
    child?.send({ type: 'cancel', id });
    const kill = setTimeout(() => this.#pending.has(id) && child?.kill(), obeyMs.cancel);
    kill.unref();
  }

  #afterExit(exit: Exit): void {
    if (this.#state !== 'closed' && this.#model !== undefined) {
      this.#options.logger?.warn('The engine has ended and will be restarted', exit);
      this.#state = 'restarting';
      this.#ready = this.#restart();
      this.#ready.catch(() => {});
    }
    this.#endAttempts(exit);
    this.events.emit('engine:exit', exit);
  }

  /** What becomes of the pieces a child has left behind. Any of several may have brought it down, so none is blamed. */
  #endAttempts(exit: Exit): void {
    const left = [...this.#pending.values()];
    const started = left.filter((pending) => pending.isStarted).length;
    for (const pending of left) {
      if (this.#state === 'closed') {
        pending.reject(new ServiceError('draining', 'The engine was closed while it worked on the piece'));
      } else if (!pending.isStarted) pending.resolve({ again: 'as before' });
      else if (started > 1) pending.resolve({ again: 'alone' });
      else pending.reject(crashed(`ended while it worked on the piece (${describeExit(exit)})`));
    }
  }

  async #restart(): Promise<void> {
    const delayMs = Math.min(longestRestartDelayMs, firstRestartDelayMs * 2 ** this.#restarts);
    this.#restarts += 1;
    this.events.emit('engine:restarting', { attempt: this.#restarts, delayMs });
    await sleep(delayMs, undefined, { signal: this.#closing.signal }).catch(() => {
      throw new ServiceError('draining', 'The engine was closed');
    });
    try {
      await this.start();
      this.events.emit('engine:ready');
    } catch (error) {
      this.events.emit('engine:load-failed', { error: toServiceError(error) });
      throw error;
    }
  }
}

/** Says loudly where a graph does not run where it was wanted. */
function warnOfRefusals(placements: readonly Placement[], logger: EngineLogger | undefined): void {
  for (const { file, provider, refused } of placements) {
    if (refused.length === 0) continue;
    logger?.warn('A graph does not run where it was wanted', {
      file,
      provider,
      refused: describeRefusals(refused),
    });
  }
}

/** The promise's outcome, or a rejection as soon as the signal aborts. */
export function unlessAborted<Value>(
  promise: Promise<Value>,
  signal: AbortSignal | undefined,
): Promise<Value> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(cancelled(signal));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    const detach = () => signal.removeEventListener('abort', abort);
    promise.then(resolve, reject).finally(detach);
  });
}
