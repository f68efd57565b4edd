import { resolve } from 'node:path';
import { listModelIds, modelFolder } from '@musicgen/models';
import type { WorkerConfig } from './config.ts';

/** The folders of the models that this worker runs, the default one first. */
export async function modelFolders({
  MODEL_PATH,
  MODELS_PATH,
}: Pick<WorkerConfig, 'MODEL_PATH' | 'MODELS_PATH'>): Promise<string[]> {
  const others = (await listModelIds(MODELS_PATH)).map((id) => modelFolder(MODELS_PATH, id));
  return [...new Set([resolve(MODEL_PATH), ...others])];
}
