import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { ServiceError } from '@musicgen/contract';
import { type ArtifactStore, type ByteRange, checkKey } from './artifact-store.ts';

/** Artifacts as files under one folder, which several processes or machines may share. */
export function createDiskStore(folder: string): ArtifactStore {
  const pathOf = (key: string) => join(folder, ...checkKey(key).split('/'));
  return {
    async put(key, content) {
      const path = pathOf(key);
      try {
        await makeFolder(dirname(path));
        await writeWhole(path, content);
      } catch (error) {
        throw new ServiceError('storage_failed', `${key} could not be written (${reasonOf(error)}).`, {
          cause: error,
        });
      }
    },
    async open(key) {
      const path = pathOf(key);
      const bytes = await sizeOf(path);
      return bytes === undefined ? undefined : { bytes, read: (range) => readFrom(path, range) };
    },
    async remove(key) {
      const path = pathOf(key);
      try {
        await rm(path, { recursive: true, force: true });
      } catch (error) {
        throw new ServiceError('storage_failed', `${key} could not be removed (${reasonOf(error)}).`, {
          cause: error,
        });
      }
    },
  };
}

/** Makes a folder and what is missing above it; a new folder's name is kept by the folder it lies in. */
async function makeFolder(path: string): Promise<void> {
  const topmost = await mkdir(path, { recursive: true });
  if (topmost === undefined) return;
  for (let made = path; made.length >= topmost.length; made = dirname(made)) await syncFolder(dirname(made));
}

/**
 * Temporary file, fsync, rename, fsync of the folder: after a crash or a power cut the name stands for the whole
 * content or for nothing.
 */
async function writeWhole(path: string, content: Uint8Array): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot open a folder; its rename is journalled anyway.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  await handle.sync().finally(() => handle.close());
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (reasonOf(error) === 'ENOENT') return undefined;
    throw unreadable(error);
  }
}

async function readFrom(path: string, range: ByteRange | undefined): Promise<Readable> {
  try {
    const file = await open(path);
    return file.createReadStream(range);
  } catch (error) {
    // Removed since it was found.
    if (reasonOf(error) === 'ENOENT') throw new ServiceError('gone', 'What was here has been removed.');
    throw unreadable(error);
  }
}

function unreadable(error: unknown): ServiceError {
  const message = `The artifact store cannot be read (${reasonOf(error)}).`;
  return new ServiceError('dependency_unavailable', message, { cause: error });
}

/** The system's word for what went wrong: `ENOSPC`. */
function reasonOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';
}
