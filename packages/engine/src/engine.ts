import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceError, toServiceError } from '@musicgen/contract';
import { cancelled } from './cancellation.ts';
import {
  crashed,
  describeExit,
  type EngineChild,
  type Exit,
  type PieceReport,
  revive,
  startChild,
} from './engine-child.ts';
import type { ModelInfo } from './model-folder.ts';
import type { GenerateOptions, Piece, PieceRequest } from './piece.ts';

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
  logger?: EngineLogger;
}

export interface EngineEvents {
  /** The child process has ended, by itself or by `close`. */
  'engine:exit': [Exit];
  /** A restart is due after a pause; `attempt` counts since the last piece that was finished. */
  'engine:restarting': [{ attempt: number; delayMs: number }];
  /** A restarted child has loaded the model. */
  'engine:ready': [];
  /** A restarted child could not load the model; the next one tries again. */
  'engine:load-failed': [{ error: ServiceError }];
}

/** A child process with a model in it; survives the child's death. */
export interface Engine {
  readonly model: ModelInfo;
  readonly state: 'ready' | 'restarting' | 'closed';
  readonly events: EventEmitter<EngineEvents>;
  /**
   * Makes one piece. Pieces wait for each other; while the child restarts, they wait for it.
   * @throws ServiceError `task_cancelled` soon after the signal aborts (its cause is the signal's reason),
   * `engine_crashed` when the child dies meanwhile, `generation_failed`, `invalid_request`, `model_load_failed` when
   * the restart they waited for fails, `draining` when the engine is closed
   */
  generate(request: PieceRequest, options?: GenerateOptions): Promise<Piece>;
  /** Ends the child; pieces in work are rejected. */
  close(): Promise<void>;
}

/** A piece that the child is working on. */
interface Pending {
  resolve(piece: Piece): void;
  reject(error: ServiceError): void;
  onProgress: GenerateOptions['onProgress'];
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
  readonly #pending = new Map<number, Pending>();
  readonly #closing = new AbortController();
  #model: ModelInfo | undefined;
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

  get state(): Engine['state'] {
    return this.#state;
  }

  async start(): Promise<void> {
    const { modelFolder, threads, logger } = this.#options;
    const child = startChild({
      modelFolder,
      threads,
      onReport: (report) => this.#settle(report),
      onExit: (exit) => this.#afterExit(exit),
      onWarning: (line) => logger?.warn(line),
    });
    this.#child = child;
    this.#model = await child.loaded;
    if (this.#state === 'closed') return;
    this.#state = 'ready';
    logger?.info('The engine is ready', { model: this.#model.name, pid: child.pid });
  }

  async generate(request: PieceRequest, options: GenerateOptions = {}): Promise<Piece> {
    const { signal, onProgress, checkpoint } = options;
    if (this.#state === 'restarting') onProgress?.({ stage: 'loading_model', frame: 0, frames: 0 });
    await unlessAborted(this.#ready, signal);
    if (this.#state === 'closed') throw new ServiceError('draining', 'The engine is closed');

    const id = this.#nextId++;
    const cancel = () => this.#cancel(id);
    signal?.addEventListener('abort', cancel);
    try {
      return await new Promise<Piece>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject, onProgress });
        this.#child?.send({ type: 'generate', id, request, checkpoint });
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

  #settle(report: PieceReport): void {
    const pending = this.#pending.get(report.id);
    switch (report.type) {
      case 'progress':
        pending?.onProgress?.(report.progress);
        return;
      case 'failed':
        pending?.reject(revive(report.error));
        return;
      case 'done':
        this.#restarts = 0;
        pending?.resolve(report.piece);
        return;
      default:
        report satisfies never;
    }
  }

  #cancel(id: number): void {
    const child = this.#child;
    child?.send({ type: 'cancel', id });
    const kill = setTimeout(() => this.#pending.has(id) && child?.kill(), obeyMs.cancel);
    kill.unref();
  }

  #afterExit(exit: Exit): void {
    const error =
      this.#state === 'closed'
        ? new ServiceError('draining', 'The engine was closed while it worked on the piece')
        : crashed(`ended while it worked on the piece (${describeExit(exit)})`);
    for (const pending of this.#pending.values()) pending.reject(error);
    this.events.emit('engine:exit', exit);
    // A child that never came up is the business of who called `startEngine`.
    if (this.#state === 'closed' || this.#model === undefined) return;
    this.#options.logger?.warn('The engine has ended and will be restarted', exit);
    this.#state = 'restarting';
    this.#ready = this.#restart();
    this.#ready.catch(() => {});
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
