import { randomUUID } from 'node:crypto';
import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { toServiceError } from '@musicgen/contract';
import { openArtifactStore } from '@musicgen/storage';
import { formatBytes } from '../format.ts';
import { type Check, type Finding, failed, ok, skipped, warning } from './check.ts';
import type { DoctorConfig } from './config.ts';

/** A minute of audio takes 4 to 8 MB. */
const freeBytes = { little: 1e9, none: 1e8 };

/** Where audio is kept: whether it can be written, read and removed there, and whether there is room. */
export function storeChecks(config: DoctorConfig): Check[] {
  const folder = folderOf(config.ARTIFACT_URL);
  return [
    {
      name: 'store',
      async look() {
        if (folder === undefined || (await exists(folder))) return tryStore(config);
        return checkParent(folder);
      },
    },
    {
      name: 'disk',
      look: () => (folder === undefined ? skipped('Audio is kept in a bucket.') : checkDisk(folder)),
    },
  ];
}

function folderOf(url: string): string | undefined {
  if (!url.startsWith('file:')) return undefined;
  return url.startsWith('file://') ? fileURLToPath(url) : resolve(url.slice('file:'.length));
}

async function tryStore(config: DoctorConfig): Promise<Finding> {
  const key = `doctor-${randomUUID()}`;
  try {
    const store = openArtifactStore(config.ARTIFACT_URL, config);
    await store.put(key, Buffer.from(key));
    const artifact = await store.open(key);
    await store.remove(key);
    if (artifact?.bytes === key.length)
      return ok(`${config.ARTIFACT_URL} can be written, read and removed from.`);
    return failed(
      `What was written to ${config.ARTIFACT_URL} is not there.`,
      'Let ARTIFACT_URL name a store in which a written file is seen at once.',
    );
  } catch (error) {
    return failed(
      `${config.ARTIFACT_URL}: ${toServiceError(error).message}`,
      'Set ARTIFACT_URL to a place that this user may write to, or give it the rights (for a bucket: the key).',
    );
  }
}

/** Made here it would belong to whoever runs this command. */
async function checkParent(folder: string): Promise<Finding> {
  const parent = await nearestFolder(folder);
  if (await canMakeFolderIn(parent)) return ok(`${folder} is made when the first piece is stored.`);
  return failed(
    `${folder} does not exist, and this user may not make it in ${parent}.`,
    `Make it and give it to the user of the service, or set ARTIFACT_URL.`,
  );
}

async function canMakeFolderIn(path: string): Promise<boolean> {
  const writable = await access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
  return writable && (await stat(path)).isDirectory();
}

async function checkDisk(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearestFolder(folder));
  const free = bavail * bsize;
  const detail = `${formatBytes(free)} free where audio is kept.`;
  if (free >= freeBytes.little) return ok(detail);
  const remedy =
    'Make room, have tasks removed earlier (TASK_DEFAULT_TTL), or set ARTIFACT_URL to a larger place.';
  return free < freeBytes.none ? failed(detail, remedy) : warning(detail, remedy);
}

async function nearestFolder(path: string): Promise<string> {
  return (await exists(path)) || dirname(path) === path ? path : nearestFolder(dirname(path));
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
