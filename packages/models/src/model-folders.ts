import { randomUUID } from 'node:crypto';
import { access, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ServiceError } from '@musicgen/contract';

/** The name of a model's folder, which is also the model's id: it becomes part of a path. */
const modelId = /^[A-Za-z0-9][\w.-]{0,99}$/;

/**
 * The folder of a model.
 * @throws ServiceError `invalid_request` for a name that is no id
 */
export function modelFolder(modelsPath: string, id: string): string {
  if (modelId.test(id)) return join(resolve(modelsPath), id);
  throw new ServiceError(
    'invalid_request',
    `"${id}" is no model id: one has letters, digits, ".", "_" and "-", and starts with a letter or digit`,
  );
}

/** The ids of all models in the folder, in order; none when the folder does not exist. */
export async function listModelIds(modelsPath: string): Promise<string[]> {
  const names = await readdir(modelsPath).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new ServiceError('storage_failed', `${modelsPath} cannot be read: ${error.message}`, {
      cause: error,
    });
  });
  const ids: string[] = [];
  for (const name of names.sort()) {
    if (modelId.test(name) && (await isModelFolder(join(modelsPath, name)))) ids.push(name);
  }
  return ids;
}

/** Whether a folder looks like a model's, broken or not: a config and a folder of graphs. */
export async function isModelFolder(folder: string): Promise<boolean> {
  return (await exists(join(folder, 'config.json'))) && (await exists(join(folder, 'onnx')));
}

/** Bytes of all files below the folder. */
export async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(
    files.map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size),
  );
  return sizes.reduce((total, size) => total + size, 0);
}

/**
 * Makes a folder that appears complete or not at all: `fill` works in a hidden folder beside it, which does not exist yet
 * and is moved into place at the end, or removed.
 * @throws ServiceError `storage_failed` when the target exists or cannot be written; whatever `fill` throws
 */
export async function createModelFolder(
  target: string,
  fill: (folder: string) => Promise<void>,
): Promise<void> {
  await refuseExisting(target);
  const temporary = join(dirname(target), `.${basename(target)}-${randomUUID()}`);
  try {
    await mkdir(dirname(target), { recursive: true });
    await fill(temporary);
    await rename(temporary, target);
  } catch (error) {
    // When removing fails too, what failed first is what there is to tell.
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined);
    throw 'syscall' in (error as Error) ? couldNotWrite(target, error as Error) : error;
  }
}

/** @throws ServiceError `storage_failed` */
export async function refuseExisting(target: string): Promise<void> {
  if (await exists(target)) throw new ServiceError('storage_failed', `${target} already exists`);
}

/**
 * The folder of a model that is there.
 * @throws ServiceError `model_not_found` when there is none of that id, or the folder is not a model's
 */
export async function requireModelFolder(modelsPath: string, id: string): Promise<string> {
  const folder = modelFolder(modelsPath, id);
  if (!(await exists(folder))) {
    throw new ServiceError('model_not_found', `There is no model ${id} in ${modelsPath}`);
  }
  if (await isModelFolder(folder)) return folder;
  throw new ServiceError('model_not_found', `${folder} is not a model folder; it was left as it is`);
}

/**
 * Removes a model.
 * @throws ServiceError `model_not_found` when there is no model of that id, `storage_failed`
 */
export async function removeModel(modelsPath: string, id: string): Promise<void> {
  const folder = await requireModelFolder(modelsPath, id);
  // Renamed first, so that a removal which is cut short leaves no half model behind that someone might load.
  const leaving = join(dirname(folder), `.${id}-${randomUUID()}`);
  try {
    await rename(folder, leaving);
    await rm(leaving, { recursive: true });
  } catch (error) {
    throw new ServiceError('storage_failed', `${folder} could not be removed: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function couldNotWrite(target: string, error: Error): ServiceError {
  return new ServiceError('storage_failed', `${target} could not be written: ${error.message}`, {
    cause: error,
  });
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
