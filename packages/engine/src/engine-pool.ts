import { EventEmitter, once } from 'node:events';
import { ServiceError } from '@musicgen/contract';
import type { Speed } from './batch-size.ts';
import { unlessAborted } from './cancellation.ts';
import { type Engine, type EngineEvents, type EngineOptions, startEngine } from './engine.ts';
import { estimateMemoryBytes, weightBytesOf } from './graph-files.ts';
import { type ModelInfo, readModelFolder } from './model-folder.ts';
import type { GenerateOptions, Piece, PieceRequest } from './piece.ts';

export interface EnginePoolOptions extends Omit<EngineOptions, 'modelFolder'> {
  /** The first holds the default model; it must be usable, of the others those that are not are left out. */
  modelFolders: readonly string[];
  /** What the processes of all models together may take. */
  memoryBytes: number;
}

/** A model that can be asked for. */
export interface PooledModel {
  info: ModelInfo;
  /** Of all its graphs: what a step has to read, and so what its speed depends on. */
  weightBytes: number;
  /** While it is loaded. */
  engine: Engine | undefined;
  /** How long it took to load when it was last loaded. */
  loadSeconds: number | undefined;
}

/**
 * Several models, each in an engine of its own. The properties and events of `Engine` are those of the default model's;
 * restarts and work are told of every model.
 */
export interface EnginePool extends Engine {
  /** The default one first. */
  readonly models: readonly PooledModel[];
  /**
   * Makes a piece with the model of that name, which is loaded first if need be.
   * @throws ServiceError as `Engine.generate`, and `model_unavailable` for a model that is not in the pool
   */
  generate(request: PieceRequest, options?: GenerateOptions & { model?: string }): Promise<Piece>;
}

interface Entry {
  folder: string;
  info: ModelInfo;
  weightBytes: number;
  /** What its process is likely to take; while it is loaded, its engine knows better. */
  memoryBytes: number;
  /** Settles when the model is loaded. */
  loading: Promise<Engine> | undefined;
  engine: Engine | undefined;
  loadSeconds: number | undefined;
  /** Pieces that need it now. */
  users: number;
  usedAt: number;
}

/**
 * Loads the default model; the others are loaded when they are first asked for, and of those that nobody uses the least
 * recently used one goes when memory is needed.
 * @throws ServiceError `model_load_failed`, `engine_crashed` when the default model cannot be used
 */
export async function startEnginePool(options: EnginePoolOptions): Promise<EnginePool> {
  const entries = await readEntries(options);
  const pool = new Pool(entries, options);
  await pool.start();
  return pool;
}

async function readEntries({ modelFolders, memoryBytes, logger }: EnginePoolOptions): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (const [index, folder] of modelFolders.entries()) {
    try {
      const entry = await readEntry(folder);
      refuseTooLarge(entry, memoryBytes);
      const twin = entries.find(({ info }) => info.name === entry.info.name);
      if (twin) throw new ServiceError('model_load_failed', `${twin.folder} has a model of the same name`);
      entries.push(entry);
    } catch (error) {
      if (index === 0) throw error;
      logger?.warn('A model is left out', { folder, reason: (error as Error).message });
    }
  }
  return entries;
}

async function readEntry(folder: string): Promise<Entry> {
  const { config, graphs } = await readModelFolder(folder);
  const weightBytes = await weightBytesOf(graphs);
  const memoryBytes = estimateMemoryBytes(weightBytes);
  const unused = { loading: undefined, engine: undefined, loadSeconds: undefined, users: 0, usedAt: 0 };
  return { folder, info: config.info, weightBytes, memoryBytes, ...unused };
}

function refuseTooLarge({ info, memoryBytes }: Entry, allowedBytes: number): void {
  if (memoryBytes <= allowedBytes) return;
  throw new ServiceError(
    'model_load_failed',
    `${info.name} needs about ${megabytes(memoryBytes)}, and all models together may take ${megabytes(allowedBytes)}`,
  );
}

class Pool implements EnginePool {
  readonly events = new EventEmitter<EngineEvents>();
  readonly #entries: Entry[];
  readonly #options: EnginePoolOptions;
  readonly #default: Entry;
  /** Emits `released` whenever a model may have become free to go. */
  readonly #uses = new EventEmitter<{ released: [] }>();
  /** While a model waits for memory. */
  #makingRoom: Promise<void> | undefined;
  #isClosed = false;
  #slots = 1;
  #speed: Speed = { alone: 1, all: 1 };

  constructor(entries: Entry[], options: EnginePoolOptions) {
    this.#entries = entries;
    this.#options = options;
    this.#default = entries[0] as Entry;
    this.#uses.setMaxListeners(0);
  }

  get models(): PooledModel[] {
    return this.#entries.map(({ info, weightBytes, engine, loadSeconds }) => ({
      info,
      weightBytes,
      engine,
      loadSeconds,
    }));
  }

  get model(): ModelInfo {
    return this.#default.info;
  }

  get state(): Engine['state'] {
    if (this.#isClosed) return 'closed';
    // One that made room for another is loaded again by the next piece.
    return this.#default.engine?.state ?? 'ready';
  }

  /** As many as the default model's, also while that has made room for another. */
  get slots(): number {
    return this.#slots;
  }

  get memoryBytes(): number {
    return this.#entries.reduce((total, { engine }) => total + (engine?.memoryBytes ?? 0), 0);
  }

  get speed(): Speed {
    if (this.#default.engine) this.#speed = this.#default.engine.speed;
    return this.#speed;
  }

  async start(): Promise<void> {
    await this.#use(this.#default, async () => {});
  }

  async generate(
    request: PieceRequest,
    { model, ...options }: GenerateOptions & { model?: string } = {},
  ): Promise<Piece> {
    const entry = model === undefined ? this.#default : this.#entries.find(({ info }) => info.name === model);
    if (entry === undefined) {
      const known = this.#entries.map(({ info }) => info.name).join(', ');
      throw new ServiceError('model_unavailable', `There is no model ${model} here, only ${known}`);
    }
    return await this.#use(entry, (engine) => engine.generate(request, options), options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#uses.emit('released');
    await Promise.all(this.#entries.map((entry) => this.#unload(entry)));
  }

  /** Works with a loaded engine that is not unloaded meanwhile. */
  async #use<Value>(
    entry: Entry,
    work: (engine: Engine) => Promise<Value>,
    { signal, onProgress }: GenerateOptions = {},
  ): Promise<Value> {
    // Whoever waits for memory goes first; a stream of pieces for loaded models would otherwise keep it waiting for ever.
    while (this.#makingRoom !== undefined) await unlessAborted(this.#makingRoom, signal);
    if (this.#isClosed) throw new ServiceError('draining', 'The engine is closed');
    entry.users += 1;
    try {
      if (entry.engine === undefined) onProgress?.({ stage: 'loading_model', frame: 0, frames: 0 });
      entry.loading ??= this.#load(entry);
      return await work(await unlessAborted(entry.loading, signal));
    } finally {
      entry.users -= 1;
      entry.usedAt = performance.now();
      this.#uses.emit('released');
    }
  }

  async #load(entry: Entry): Promise<Engine> {
    try {
      const room = this.#makeRoom(entry);
      this.#makingRoom = room
        .catch(() => {})
        .finally(() => {
          this.#makingRoom = undefined;
        });
      await room;
      const { modelFolders: _folders, memoryBytes: _bytes, ...options } = this.#options;
      // The worker claims as many tasks as the default model has slots, and all may be for this model.
      const maxBatch = entry === this.#default ? options.maxBatch : this.#slots;
      const startedAt = performance.now();
      const engine = await startEngine({ ...options, modelFolder: entry.folder, maxBatch });
      if (this.#isClosed) {
        await engine.close();
        throw new ServiceError('draining', 'The engine is closed');
      }
      this.#adopt(entry, engine);
      const seconds = (performance.now() - startedAt) / 1000;
      entry.loadSeconds = seconds;
      this.events.emit('engine:loaded', { model: entry.info.name, seconds });
      return engine;
    } catch (error) {
      entry.loading = undefined;
      this.#uses.emit('released');
      throw error;
    }
  }

  #adopt(entry: Entry, engine: Engine): void {
    entry.engine = engine;
    entry.info = engine.model;
    if (entry === this.#default) this.#slots = engine.slots;
    this.#uses.emit('released');
    const events: (keyof EngineEvents)[] =
      entry === this.#default
        ? ['engine:exit', 'engine:restarting', 'engine:ready', 'engine:load-failed', 'engine:effort']
        : ['engine:restarting', 'engine:effort'];
    for (const name of events) {
      engine.events.on(name, (...told: unknown[]) => void (this.events as EventEmitter).emit(name, ...told));
    }
  }

  /** Unloads models that nobody uses, the least recently used first, until the estimate fits. */
  async #makeRoom(wanted: Entry): Promise<void> {
    while (this.#takenBytes(wanted) + wanted.memoryBytes > this.#options.memoryBytes) {
      if (this.#isClosed || wanted.users === 0)
        throw new ServiceError('draining', 'Nobody waits for the model');
      const [oldest] = this.#entries
        .filter(({ engine, users }) => engine !== undefined && users === 0)
        .sort((a, b) => a.usedAt - b.usedAt);
      if (oldest === undefined) await once(this.#uses, 'released');
      else {
        this.#options.logger?.info('A model makes room for another', {
          model: oldest.info.name,
          for: wanted.info.name,
        });
        await this.#unload(oldest);
      }
    }
  }

  #takenBytes(except: Entry): number {
    return this.#entries
      .filter((entry) => entry !== except && entry.loading !== undefined)
      .reduce((total, { engine, memoryBytes }) => total + (engine?.memoryBytes ?? memoryBytes), 0);
  }

  async #unload(entry: Entry): Promise<void> {
    const { engine } = entry;
    entry.engine = undefined;
    entry.loading = undefined;
    // Its end is meant: nobody is to restart anything for it.
    engine?.events.removeAllListeners();
    await engine?.close();
  }
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MB`;
}
