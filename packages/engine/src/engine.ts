import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ErrorCode, ServiceError, toServiceError } from '@musicgen/contract';
import { learnSpeed, type Speed } from './batch-size.ts';
import { cancelled, unlessAborted } from './cancellation.ts';
import { type EngineChild, type Exit, startChild, type WorkReport } from './engine-child.ts';
import { describeRefusals, type ExecutionProvider } from './execution-providers.ts';
import type { Effort } from './generate.ts';
import type { ModelInfo } from './model-folder.ts';
import { type Attempt, PendingPieces } from './pending-pieces.ts';
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

/** A child ended in work, while it loaded the model, or because it was killed when it did not heed a cancellation. */
export const restartReasons = [
  'engine_crashed',
  'model_load_failed',
  'task_cancelled',
] as const satisfies ErrorCode[];
export type RestartReason = (typeof restartReasons)[number];

export interface EngineEvents {
  /** The child process has ended, by itself or by `close`. */
  'engine:exit': [Exit];
  /** A restart is due after a pause; `attempt` counts since the last piece that was finished. */
  'engine:restarting': [{ attempt: number; delayMs: number; reason: RestartReason }];
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

const firstRestartDelayMs = 100;
const longestRestartDelayMs = 30_000;
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
  readonly #pending = new PendingPieces();
  readonly #closing = new AbortController();
  #model: ModelInfo | undefined;
  #slots = 1;
  #speed: Speed = { alone: 1, all: 1 };
  #memoryBytes = 0;
  #state: Engine['state'] = 'restarting';
  #child: EngineChild | undefined;
  /** Settles when the child that is starting, or about to, has loaded the model or failed to. */
  #ready: Promise<void> = Promise.resolve();
  /** Restarts since the last finished piece. */
  #restarts = 0;
  /** Of the child, when it did not obey. */
  #isKilled = false;

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
    for (const { file, provider, refused } of placements) {
      if (refused.length === 0) continue;
      const fields = { file, provider, refused: describeRefusals(refused) };
      logger?.warn('A graph does not run where it was wanted', fields);
    }
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
    const { signal, checkpoint, company, onPreview } = options;
    const cancellation = new AbortController();
    try {
      return await this.#pending.attempt(options, (id) => {
        signal?.addEventListener('abort', () => this.#cancel(id), { signal: cancellation.signal });
        const preview = onPreview ? 'wanted' : 'none';
        this.#child?.send({ type: 'generate', id, request, checkpoint, company, preview });
      });
    } catch (error) {
      throw signal?.aborted ? cancelled(signal) : error;
    } finally {
      cancellation.abort();
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
      this.#speed = learnSpeed(this.#speed, report.effort, this.#slots);
      this.events.emit('engine:effort', { ...report.effort, model: this.model.name });
      return;
    }
    if (report.type === 'done') this.#restarts = 0;
    this.#pending.settle(report);
  }

  #cancel(id: number): void {
    const child = this.#child;
    child?.send({ type: 'cancel', id });
    const kill = setTimeout(() => {
      if (!this.#pending.has(id)) return;
      this.#isKilled = true;
      child?.kill();
    }, obeyMs.cancel);
    kill.unref();
  }

  #afterExit(exit: Exit): void {
    if (this.#state !== 'closed' && this.#model !== undefined) {
      this.#options.logger?.warn('The engine has ended and will be restarted', exit);
      const reason = this.#reasonToRestart();
      this.#state = 'restarting';
      this.#ready = this.#restart(reason);
      this.#ready.catch(() => {});
    }
    this.#pending.endAll(exit, this.#state === 'closed' ? 'closed' : 'restarting');
    this.events.emit('engine:exit', exit);
  }

  #reasonToRestart(): RestartReason {
    if (this.#state === 'restarting') return 'model_load_failed';
    return this.#isKilled ? 'task_cancelled' : 'engine_crashed';
  }

  async #restart(reason: RestartReason): Promise<void> {
    this.#isKilled = false;
    const delayMs = Math.min(longestRestartDelayMs, firstRestartDelayMs * 2 ** this.#restarts);
    this.#restarts += 1;
    this.events.emit('engine:restarting', { attempt: this.#restarts, delayMs, reason });
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
