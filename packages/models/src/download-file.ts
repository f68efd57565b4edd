import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ServiceError } from '@musicgen/contract';
import { digestFile } from './checksum.ts';
import { get, type Hub, type RemoteFile, reasonOf } from './hub.ts';
import { type Interruption, type Outcome, tryPatiently } from './patience.ts';

export interface FileDownload {
  hub: Hub;
  /** Below the hub's endpoint. */
  address: string;
  file: RemoteFile;
  /** Where the whole and checked file will be; until then it grows in `<target>.part`. */
  target: string;
  /** How much of the file is there; falls back when a part turns out to be of no use. */
  onProgress?: (bytesDone: number) => void;
  signal?: AbortSignal;
}

/**
 * Downloads a file, going on with what earlier attempts left. It appears under its name whole and with the right
 * checksum, or not at all.
 * @throws ServiceError `download_failed`, also for a wrong checksum (the part is then removed), `model_not_found`,
 * `storage_failed`; the signal's reason when it aborts (the part stays, to go on with)
 */
export async function downloadFile(download: FileDownload): Promise<void> {
  const { file, target, onProgress } = download;
  if ((await sizeOf(target)) === file.bytes) return onProgress?.(file.bytes);
  await mkdir(dirname(target), { recursive: true });
  await fillPart(download);
  await refuseWrongChecksum(download);
  await rename(partOf(target), target);
}

async function fillPart(download: FileDownload): Promise<void> {
  const { hub, file, target, signal, onProgress } = download;
  const part = await open(partOf(target), 'a+');
  try {
    // What the best attempt so far has reached; only going beyond it is progress, or a server that cannot resume
    // and breaks off each time would be asked for ever.
    let reached = (await part.stat()).size;
    await tryPatiently(
      async () => {
        const outcome = await continuePart(download, part);
        const { size } = await part.stat();
        onProgress?.(size);
        const progressed = size > reached;
        reached = Math.max(reached, size);
        return 'value' in outcome ? outcome : { ...outcome, progressed };
      },
      { patience: hub.patience, signal, what: file.path },
    );
    await part.sync();
  } finally {
    await part.close();
  }
}

/** One connection's worth: asks for what is missing, and appends what comes. */
async function continuePart(download: FileDownload, part: FileHandle): Promise<Outcome<true>> {
  const { hub, address, file, signal } = download;
  const offset = await usableBytes(part, file);
  if (offset === file.bytes) return { value: true };
  const idle = createIdleSignal(hub.patience.idleMs, signal);
  try {
    // Compressed, the bytes would not be those that the range counts.
    const headers = { 'Accept-Encoding': 'identity', Range: `bytes=${offset}-` };
    const outcome = await get(hub, address, { what: file.path, headers, signal: idle.signal });
    if ('interrupted' in outcome) return outcome;
    const response = outcome.value;
    if (!continuesAt(response, offset)) {
      await part.truncate(0);
      if (response.status !== 200) return await rangeRefused(response);
    }
    return await append(response, { part, file, onBytes: idle.postpone, onProgress: download.onProgress });
  } finally {
    idle.stop();
  }
}

/** What is there already, unless it is longer than the file: then it is of another one. */
async function usableBytes(part: FileHandle, file: RemoteFile): Promise<number> {
  const { size } = await part.stat();
  if (size <= file.bytes) return size;
  await part.truncate(0);
  return 0;
}

/** Whether the answer begins where the part ends; a 200 brings the file from its start, whatever was asked for. */
function continuesAt({ status, headers }: Response, offset: number): boolean {
  if (status === 200) return offset === 0;
  return status === 206 && (headers.get('content-range')?.startsWith(`bytes ${offset}-`) ?? false);
}

async function rangeRefused(response: Response): Promise<Interruption> {
  await response.body?.cancel();
  return { interrupted: 'the server has no such range of the file' };
}

interface Appending {
  part: FileHandle;
  file: RemoteFile;
  onBytes(): void;
  onProgress: FileDownload['onProgress'];
}

async function append({ body }: Response, { part, file, ...to }: Appending): Promise<Outcome<true>> {
  let { size } = await part.stat();
  try {
    for await (const chunk of body ?? []) {
      to.onBytes();
      // No more than was announced, however much comes: the checksum would fail, but the disk might be full before.
      const wanted = chunk.subarray(0, file.bytes - size);
      await write(part, wanted);
      size += wanted.length;
      to.onProgress?.(size);
      if (size === file.bytes) return { value: true };
    }
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    return { interrupted: `the connection broke off at byte ${size} (${reasonOf(error)})` };
  }
  return size === file.bytes
    ? { value: true }
    : { interrupted: `the connection ended at byte ${size} of ${file.bytes}` };
}

async function write(part: FileHandle, bytes: Uint8Array): Promise<void> {
  try {
    await part.appendFile(bytes);
  } catch (error) {
    const { message } = error as Error;
    throw new ServiceError('storage_failed', `The download could not be written: ${message}`, {
      cause: error,
    });
  }
}

async function refuseWrongChecksum({ file, target, signal }: FileDownload): Promise<void> {
  const { kind, hex } = file.checksum;
  const found = await digestFile(partOf(target), kind, { signal });
  if (found === hex) return;
  await rm(partOf(target));
  throw new ServiceError(
    'download_failed',
    `${file.path} arrived with another checksum (${found}) than the hub announced (${hex}); it was removed`,
  );
}

/** A signal that aborts when nothing has happened for a while, or with the one given. */
function createIdleSignal(idleMs: number, signal: AbortSignal | undefined) {
  const idle = new AbortController();
  const timer = setTimeout(() => idle.abort(new Error(`nothing came for ${idleMs / 1000} s`)), idleMs);
  return {
    signal: signal === undefined ? idle.signal : AbortSignal.any([signal, idle.signal]),
    postpone: () => void timer.refresh(),
    stop: () => clearTimeout(timer),
  };
}

function partOf(target: string): string {
  return `${target}.part`;
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size;
}
