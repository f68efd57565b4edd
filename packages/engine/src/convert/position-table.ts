import type { Checkpoint } from './checkpoint.ts';
import type { Weight } from './checkpoint-weights.ts';

/** Position embeddings [max_position_embeddings, H]: stored in older checkpoints, left out of newer ones. */
export function positionTable({ config, weights }: Checkpoint): Weight {
  const { max_position_embeddings: rows, hidden_size: width } = config.decoder;
  const name = 'decoder.model.decoder.embed_positions.weights';
  if (weights.has(name)) return weights.get(name, [rows, width]);
  return { name, shape: [rows, width], load: async () => sinusoids(rows, width) };
}

/**
 * [rows, width], row p = [cos(p · f₀), cos(p · f₁) …, sin(p · f₀), …] with fᵢ = exp(−i · ln 10000 / (width/2 − 1)):
 * cosines first (transformers `MusicgenSinusoidalPositionalEmbedding`, whose float32 steps these are).
 */
export function sinusoids(rows: number, width: number): Float32Array<ArrayBuffer> {
  const { fround } = Math;
  const half = Math.floor(width / 2);
  const step = fround(-Math.log(10_000) / (half - 1));
  const table = new Float32Array(rows * width);
  for (let index = 0; index < half; index++) {
    const frequency = fround(Math.exp(fround(index * step)));
    for (let position = 0; position < rows; position++) {
      const angle = fround(position * frequency);
      table[position * width + index] = Math.cos(angle);
      table[position * width + half + index] = Math.sin(angle);
    }
  }
  return table;
}
