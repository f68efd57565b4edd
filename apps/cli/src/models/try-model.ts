import { type ModelInfo, startEngine } from '@musicgen/engine';

/**
 * Loads a model in a process of its own and makes one frame with it.
 * @throws ServiceError `model_load_failed`, `engine_crashed`; the signal's reason when it aborts
 */
export async function tryModel(folder: string, signal: AbortSignal): Promise<ModelInfo> {
  // The engine makes a frame before it counts as started.
  const engine = await startEngine({ modelFolder: folder });
  await engine.close();
  signal.throwIfAborted();
  return engine.model;
}
