import { type ChildProcess, fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ServiceError } from '@musicgen/contract';
import type { EngineCommand, EngineReport, ReportedError } from './engine-process.ts';
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
  'engine:exit': [{ code: number | null; signal: NodeJS.Signals | null }];
  /** A restart is due after a pause; `attempt` counts since the last piece that was finished. */
  'engine:restarting': [{ attempt: number; delayMs: number }];
  /** A restarted child has loaded the model. */
  'engine:ready': [];
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

const entry = fileURLToPath(new URL('../dist/engine-process.js', import.meta.url));
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

class ChildEngine implements Engine {
  readonly events = new EventEmitter<EngineEvents>();
  readonly #options: EngineOptions;
  readonly #pending = new Map<number, Pending>();
  readonly #closing = new AbortController();
  #model: ModelInfo | undefined;
  #state: Engine['state'] = 'restarting';
  #child: ChildProcess | undefined;
  /** Settles when the child that is starting has loaded the model, or has not. */
  #loaded: Promise<void> = Promise.resolve();
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

  /** Forks the child; resolves once it has loaded the model. */
  start(): Promise<void> {
    const { modelFolder, threads } = this.#options;
    const child = fork(entry, threads === undefined ? [modelFolder] : [modelFolder, String(threads)], {
      serialization: 'advanced',
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    this.#relayWarnings(child);
    this.#loaded = new Promise((resolve, reject) => {
      child.on('message', (report: EngineReport) => {
        if (report.type === 'load-failed') reject(revive(report.error));
        else if (report.type !== 'ready') this.#settle(report);
        else {
          this.#becomeReady(report.model);
          resolve();
        }
      });
      child.on('error', (error) => reject(crashed(`could not be started: ${error.message}`)));
      child.on('exit', (code, signal) => {
        reject(crashed(`ended while it loaded the model (${signal ?? `exit code ${code}`})`));
        this.#afterExit(code, signal);
      });
    });
    // Whoever waits for it hears of a failure; nobody may be waiting.
    this.#loaded.catch(() => {});
    return this.#loaded;
  }

  async generate(request: PieceRequest, options: GenerateOptions = {}): Promise<Piece> {
    const { signal, onProgress, checkpoint } = options;
    if (this.#state === 'restarting') onProgress?.({ stage: 'loading_model', frame: 0, frames: 0 });
    await unlessAborted(this.#loaded, signal);
    if (this.#state === 'closed') throw new ServiceError('draining', 'The engine is closed');

    const id = this.#nextId++;
    const cancel = () => this.#cancel(id);
    signal?.addEventListener('abort', cancel);
    try {
      return await new Promise<Piece>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject, onProgress });
        this.#send({ type: 'generate', id, request, checkpoint });
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
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    if (child.connected) child.disconnect();
    const kill = setTimeout(() => child.kill('SIGKILL'), obeyMs.close);
    await exited;
    clearTimeout(kill);
  }

  #becomeReady(model: ModelInfo): void {
    const isRestart = this.#model !== undefined;
    this.#model = model;
    if (this.#state === 'closed') return;
    this.#state = 'ready';
    this.#options.logger?.info('The engine is ready', { model: model.name, pid: this.#child?.pid });
    if (isRestart) this.events.emit('engine:ready');
  }

  #settle(report: Exclude<EngineReport, { type: 'ready' | 'load-failed' }>): void {
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

  #send(command: EngineCommand): void {
    // A child that is gone fails its pieces through its exit.
    this.#child?.send(command, () => {});
  }

  #cancel(id: number): void {
    const child = this.#child;
    this.#send({ type: 'cancel', id });
    const kill = setTimeout(() => {
      if (this.#pending.has(id)) child?.kill('SIGKILL');
    }, obeyMs.cancel);
    kill.unref();
  }

  #afterExit(code: number | null, signal: NodeJS.Signals | null): void {
    const isClosed = this.#state === 'closed';
    const error = isClosed
      ? new ServiceError('draining', 'The engine was closed while it worked on the piece')
      : crashed(`ended while it worked on the piece (${signal ?? `exit code ${code}`})`);
    for (const pending of this.#pending.values()) pending.reject(error);
    this.events.emit('engine:exit', { code, signal });
    if (isClosed || this.#model === undefined) return;
    this.#options.logger?.warn('The engine has ended and will be restarted', { code, signal });
    this.#state = 'restarting';
    this.#loaded = this.#restart();
    this.#loaded.catch(() => {});
  }

  async #restart(): Promise<void> {
    const delayMs = Math.min(longestRestartDelayMs, firstRestartDelayMs * 2 ** this.#restarts);
    this.#restarts += 1;
    this.events.emit('engine:restarting', { attempt: this.#restarts, delayMs });
    await sleep(delayMs, undefined, { signal: this.#closing.signal }).catch(() => {
      throw new ServiceError('draining', 'The engine was closed');
    });
    await this.start();
  }

  /** What ONNX Runtime or Node writes to stderr, line by line. */
  #relayWarnings(child: ChildProcess): void {
    const { stderr } = child;
    if (!stderr) return;
    createInterface(stderr).on('line', (line) => this.#options.logger?.warn(line, { pid: child.pid }));
  }
}

function revive({ code, message }: ReportedError): ServiceError {
  return new ServiceError(code, message);
}

function crashed(what: string): ServiceError {
  return new ServiceError('engine_crashed', `The engine ${what}`);
}

function cancelled(signal: AbortSignal): ServiceError {
  return new ServiceError('task_cancelled', 'The piece was cancelled', { cause: signal.reason });
}

/** The promise's outcome, or a rejection as soon as the signal aborts. */
function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => reject(cancelled(signal));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
