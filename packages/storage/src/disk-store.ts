import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { ServiceError } from '@musicgen/contract';
import { type ArtifactStore, type ByteRange, checkKey, type StreamedContent } from './artifact-store.ts';

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
      const found = await stateOf(path);
      return found && { bytes: found.bytes, read: (range) => readFrom(path, found, range) };
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
    async *list(key) {
      for (const path of await filesUnder(pathOf(key))) yield relative(folder, path).split(sep).join('/');
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
async function writeWhole(path: string, content: Uint8Array | StreamedContent): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx');
    try {
      await writeFile(file, content instanceof Uint8Array ? content : content.stream);
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

/** What tells a file from another one that has taken its place. */
interface FileState {
  bytes: number;
  inode: number;
}

async function stateOf(path: string): Promise<FileState | undefined> {
  try {
    const { size, ino } = await stat(path);
    return { bytes: size, inode: ino };
  } catch (error) {
    if (reasonOf(error) === 'ENOENT') return undefined;
    throw unreadable(error);
  }
}

async function readFrom(path: string, found: FileState, range: ByteRange | undefined): Promise<Readable> {
  const file = await open(path).catch((error: unknown) => {
    throw reasonOf(error) === 'ENOENT' ? gone() : unreadable(error);
  });
  const { size, ino } = await file.stat();
  if (size === found.bytes && ino === found.inode) return file.createReadStream(range);
  await file.close();
  throw gone();
}

async function filesUnder(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  } catch (error) {
    if (reasonOf(error) === 'ENOENT') return [];
    throw unreadable(error);
  }
}

function gone(): ServiceError {
  return new ServiceError('gone', 'What was here has been removed or replaced.');
}

function unreadable(error: unknown): ServiceError {
  const message = `The artifact store cannot be read (${reasonOf(error)}).`;
  return new ServiceError('dependency_unavailable', message, { cause: error });
}

/** The system's word for what went wrong: `ENOSPC`. */
function reasonOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';
}
