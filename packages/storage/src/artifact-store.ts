import { Readable } from 'node:stream';

/** First and last byte, both included, as in HTTP. */
export interface ByteRange {
  start: number;
  end: number;
}

export interface Artifact {
  /** Size of the whole artifact, whatever the range. */
  bytes: number;
  /**
   * Resolves once the first byte can be read.
   * @throws ServiceError `dependency_unavailable`; `gone` when it was removed or replaced since it was found.
   */
  read(range?: ByteRange): Promise<Readable>;
}

/** What is stored while it arrives; read once, so a store that fails in the middle cannot try again. */
export interface StreamedContent {
  /** How many bytes the stream has. */
  bytes: number;
  stream: Readable;
}

/**
 * Keeps finished audio. A key is one or more names of letters, digits, `-`, `_` and `.` joined by `/`; anything else is
 * refused, so that no key can leave the store.
 */
export interface ArtifactStore {
  /** Stores all or nothing: a reader never sees a part, and a second write replaces the first at once. */
  put(key: string, content: Uint8Array | StreamedContent): Promise<void>;
  open(key: string): Promise<Artifact | undefined>;
  /** Removes an artifact, or all whose keys begin with this name and a `/`; nothing there is no error. */
  remove(key: string): Promise<void>;
  /** The keys that begin with this name and a `/`, in no order; those of writes that were broken off may be among them. */
  list(key: string): AsyncIterable<string>;
}

const keyPattern = /^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/;

/** @throws RangeError for a key that is not one. */
export function checkKey(key: string): string {
  if (key.length <= 200 && keyPattern.test(key)) return key;
  throw new RangeError('That is not the key of an artifact.');
}

/** Under which everything stored for a task lies. */
export function taskKey(taskId: string): string {
  return `tasks/${taskId}`;
}

/**
 * Where a task's audio lies. The content's hash is part of it, so that an attempt which lost its task and does not know
 * it yet cannot change what another one has completed.
 */
export function audioKey(taskId: string, sha256: string): string {
  return `${taskKey(taskId)}/${sha256}.wav`;
}

/** Where the codes lie that the audio was decoded from: a later task of the same model can go on from them exactly. */
export function codesKey(taskId: string, sha256: string): string {
  return `${taskKey(taskId)}/${sha256}.codes`;
}

/** Where the audio lies that a running task has made so far, if its request wanted that; gone once it is completed. */
export function previewKey(taskId: string): string {
  return `${taskKey(taskId)}/preview.wav`;
}

/** Under which all uploads lie. */
export const uploadsKey = 'uploads';

/** Under which the uploads of one key's owner lie, or those of an open service, where there is nobody to tell apart. */
export function ownerUploadsKey(owner: string | undefined): string {
  return owner === undefined ? `${uploadsKey}/open` : `${uploadsKey}/keys/${owner}`;
}

/** Where audio lies that a caller sent to go on from: whoever is not its owner does not find it. */
export function uploadKey({ owner, uploadId }: { owner: string | undefined; uploadId: string }): string {
  return `${ownerUploadsKey(owner)}/${uploadId}`;
}

/**
 * Where what was made from a task's audio lies: `flac`, `peaks.json`. The revision is that of the code that makes it, so
 * that a newer one makes it anew.
 */
export function renditionKey({ taskId, sha256, revision, ending }: RenditionName): string {
  return `${taskKey(taskId)}/${sha256}.${revision}.${ending}`;
}

export interface RenditionName {
  taskId: string;
  /** Of the original. */
  sha256: string;
  revision: number;
  ending: string;
}

/** What is in memory anyway, as if it were stored. */
export function memoryArtifact(content: Uint8Array): Artifact {
  return {
    bytes: content.length,
    read: async (range) =>
      Readable.from([content.subarray(range?.start ?? 0, (range?.end ?? content.length) + 1)]),
  };
}
