import { mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '@musicgen/contract';
import { downloadFile } from './download-file.ts';
import { fileAddress, type Hub, type RemoteFile, type RemoteRepository } from './hub.ts';

export interface DownloadProgress {
  /** Bytes. */
  done: number;
  total: number;
}

export interface RepositoryDownload {
  hub: Hub;
  repository: RemoteRepository;
  files: readonly RemoteFile[];
  folder: string;
  onProgress?: (progress: DownloadProgress) => void;
  signal?: AbortSignal;
}

/** Connections at once: more bring little, and the hub counts them. */
const connections = 4;

/**
 * Downloads files of a repository into a folder, going on where an earlier download of the same commit stopped.
 * @throws ServiceError as `downloadFile`; the first failure stops the other connections
 */
export async function downloadFiles(download: RepositoryDownload): Promise<void> {
  const { files, folder, onProgress, hub, repository } = download;
  const total = totalBytes(files);
  const done = new Map<string, number>();
  const failed = new AbortController();
  const signal = download.signal ? AbortSignal.any([download.signal, failed.signal]) : failed.signal;
  const waiting = [...files];

  async function work(): Promise<void> {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const { path } = file;
      const report = (bytesDone: number) => {
        done.set(path, bytesDone);
        onProgress?.({ done: sum(done.values()), total });
      };
      const address = fileAddress(repository, path);
      await downloadFile({ hub, address, file, target: join(folder, path), onProgress: report, signal });
    }
  }

  const workers = Array.from({ length: connections }, () =>
    work().catch((error: unknown) => {
      // The first reason is what aborts the others, and what is told.
      failed.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(workers);
  download.signal?.throwIfAborted();
  failed.signal.throwIfAborted();
}

/**
 * Refuses what the disk has no room for: better now than after an hour.
 * @throws ServiceError `storage_failed`
 */
export async function refuseFullDisk(folder: string, neededBytes: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (neededBytes <= freeBytes) return;
  throw new ServiceError(
    'storage_failed',
    `${gigabytes(neededBytes)} are needed in ${folder}, and only ${gigabytes(freeBytes)} are free`,
  );
}

export function totalBytes(files: readonly { bytes: number }[]): number {
  return sum(files.map(({ bytes }) => bytes));
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
