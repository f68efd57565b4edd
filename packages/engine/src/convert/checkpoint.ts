import { type CheckpointConfig, readCheckpointConfig } from './checkpoint-config.ts';
import { type CheckpointWeights, openCheckpointWeights } from './checkpoint-weights.ts';

/** A Hugging Face MusicGen folder, opened for conversion. */
export interface Checkpoint {
  readonly config: CheckpointConfig;
  readonly weights: CheckpointWeights;
}

/**
 * Reads the config and opens the weights, which the caller closes.
 * @throws ServiceError `model_load_failed` naming the file and what is wrong in it
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  const config = await readCheckpointConfig(folder);
  return { config, weights: await openCheckpointWeights(folder) };
}
