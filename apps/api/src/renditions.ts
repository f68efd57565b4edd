import { buffer } from 'node:stream/consumers';
import { type Rendition, renderInThread, renditionRevision } from '@musicgen/audio';
import { ServiceError } from '@musicgen/contract';
import type { Logger } from '@musicgen/service';
import { type Artifact, type ArtifactStore, audioKey, memoryArtifact, renditionKey } from '@musicgen/storage';

export interface RenditionRequest {
  taskId: string;
  /** Of the task's original audio. */
  sha256: string;
  /** Milliseconds since 1970 at which the task and all its files go. */
  expiresAt: number;
  rendition: Rendition;
}

/** Makes what a task's audio is asked for in, once, and keeps it beside the audio. */
export interface Renditions {
  /**
   * The stored rendition, made now where there is none yet; undefined when the audio itself is gone.
   * @throws ServiceError `overloaded` when too many wait to be made, `encoding_failed`, `dependency_unavailable`.
   */
  open(request: RenditionRequest): Promise<Artifact | undefined>;
}

export interface RenditionOptions {
  store: ArtifactStore;
  logger: Pick<Logger, 'warn'>;
  /** Whether the task is still there: what is made of a task that was removed meanwhile must go as well. */
  isThere: (taskId: string) => Promise<boolean>;
  make?: typeof renderInThread;
  onMade?: (rendition: Rendition, seconds: number) => void;
}

/** Made at once by one process; encoders take a whole core each. */
const threads = 2;
/** Asked for and not begun; above it the caller should come back later. */
const longestWait = 100;
/** A task that goes so soon gets no new files, so that none is written behind the janitor's back. */
const goesSoonMs = 60_000;

const endings: Record<Rendition, string> = {
  flac: 'flac',
  mp3: 'mp3',
  ogg: 'ogg',
  peaks: 'peaks.json',
  waveform: 'svg',
  spectrogram: 'png',
};

export const renditionNames = Object.keys(endings) as Rendition[];

export function createRenditions(options: RenditionOptions): Renditions {
  const { store, logger, isThere, make = renderInThread, onMade } = options;
  /** By key: who asks for what is being made waits for it. */
  const inWork = new Map<string, Promise<Artifact | undefined>>();
  const gate = createGate({ places: threads, longestWait });

  async function makeAndKeep(request: RenditionRequest, key: string): Promise<Artifact | undefined> {
    const original = await store.open(audioKey(request.taskId, request.sha256));
    if (original === undefined) return undefined;
    const startedAt = performance.now();
    const file = await make(await buffer(await original.read()), request.rendition);
    onMade?.(request.rendition, (performance.now() - startedAt) / 1000);
    if (request.expiresAt - Date.now() > goesSoonMs) await keep(request.taskId, key, file);
    return memoryArtifact(file);
  }

  /** It has been made, so the caller gets it whether it can be kept or not. */
  async function keep(taskId: string, key: string, file: Uint8Array): Promise<void> {
    try {
      await store.put(key, file);
      if (!(await isThere(taskId))) await store.remove(key);
    } catch (error) {
      logger.warn('rendition not kept', { task_id: taskId, error });
    }
  }

  return {
    async open(request) {
      const { taskId, sha256, rendition } = request;
      const key = renditionKey({ taskId, sha256, revision: renditionRevision, ending: endings[rendition] });
      const running = inWork.get(key);
      if (running !== undefined) return running;
      const stored = await store.open(key);
      if (stored) return stored;
      // Somebody may have begun while we looked.
      const made = inWork.get(key) ?? gate(() => makeAndKeep(request, key));
      inWork.set(key, made);
      return made.finally(() => inWork.delete(key));
    },
  };
}

/** Lets so many in at once; the others wait in the order they came, unless too many do. */
function createGate({ places, longestWait }: { places: number; longestWait: number }) {
  const waiting: (() => void)[] = [];
  let free = places;

  return async function pass<Result>(work: () => Promise<Result>): Promise<Result> {
    if (free > 0) free -= 1;
    else if (waiting.length < longestWait) await new Promise<void>((resolve) => waiting.push(resolve));
    else throw new ServiceError('overloaded', 'Too many files are being made already; try again soon.');
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
