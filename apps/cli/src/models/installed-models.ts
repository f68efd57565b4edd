import { basename, resolve } from 'node:path';
import { ServiceError, toServiceError } from '@musicgen/contract';
import { readModelFolder } from '@musicgen/engine';
import { folderBytes, listModelIds, modelFolder, readManifest } from '@musicgen/models';
import type { CliConfig } from '../config.ts';

/** Where models lie. */
type ModelPaths = Pick<CliConfig, 'MODEL_PATH' | 'MODELS_PATH'>;

/** A model on this machine; what a broken folder cannot tell is null. */
export interface ModelEntry {
  id: string;
  path: string;
  /** The worker's model for requests that name none. */
  default: boolean;
  layout: string | null;
  precision: string | null;
  bytes: number;
  licence: string | null;
  sample_rate: number | null;
  channels: number | null;
  source: { repository: string; commit: string } | null;
  /** Why it cannot be used. */
  problem: string | null;
}

/** The folders of all models: those of MODELS_PATH, and the default one wherever it lies. */
async function listFolders(config: ModelPaths): Promise<string[]> {
  const ids = await listModelIds(config.MODELS_PATH);
  const folders = ids.map((id) => modelFolder(config.MODELS_PATH, id));
  const defaultFolder = resolve(config.MODEL_PATH);
  return folders.includes(defaultFolder) ? folders : [defaultFolder, ...folders];
}

export async function listModels(config: ModelPaths): Promise<ModelEntry[]> {
  const folders = await listFolders(config);
  return await Promise.all(folders.map((folder) => describe(folder, config)));
}

/**
 * The folder of a model by its id.
 * @throws ServiceError `model_not_found` naming those that there are
 */
export async function findModelFolder(config: ModelPaths, id: string): Promise<string> {
  const folders = await listFolders(config);
  const found = folders.find((folder) => basename(folder) === id);
  if (found !== undefined) return found;
  const known = folders.map((folder) => basename(folder)).join(', ');
  throw new ServiceError('model_not_found', `There is no model ${id}; there are ${known}`);
}

async function describe(path: string, config: ModelPaths): Promise<ModelEntry> {
  const entry = { id: basename(path), path, default: path === resolve(config.MODEL_PATH) };
  const unknown = {
    layout: null,
    precision: null,
    licence: null,
    sample_rate: null,
    channels: null,
    source: null,
  };
  const bytes = await folderBytes(path).catch(() => 0);
  try {
    return { ...entry, bytes, ...(await readDescription(path)), problem: null };
  } catch (error) {
    return { ...entry, ...unknown, bytes, problem: toServiceError(error).message };
  }
}

async function readDescription(path: string) {
  const { layout, precision, sampleRate, channels, licence } = (await readModelFolder(path)).config.info;
  const manifest = await readManifest(path);
  return {
    layout,
    precision,
    licence: licence ?? null,
    sample_rate: sampleRate,
    channels,
    source: manifest?.source ?? null,
  };
}
