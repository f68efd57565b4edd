import type { CheckpointWeights, Weight } from './checkpoint-weights.ts';
import { inOnnxGateOrder, joined, transposed, weightNormalized } from './weight-transforms.ts';

function weight(name: string, shape: number[], values: number[]): Weight {
  return { name, shape, load: async () => Float32Array.from(values) };
}

function checkpoint(...tensors: Weight[]): CheckpointWeights {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  return {
    has: (name) => byName.has(name),
    get: (name) => byName.get(name) ?? weight(name, [], []),
    close: async () => undefined,
  };
}

async function valuesOf(tensor: Weight): Promise<number[]> {
  return Array.from(await tensor.load());
}

describe('transposed', () => {
  it('turns [2, 3] into [3, 2]', async () => {
    const result = transposed(weight('w', [2, 3], [1, 2, 3, 4, 5, 6]));
    expect(result.shape).toEqual([3, 2]);
    expect(await valuesOf(result)).toEqual([1, 4, 2, 5, 3, 6]);
  });
});

describe('weightNormalized', () => {
  it.each([
    ['old', 'conv.weight_g', 'conv.weight_v'],
    ['new', 'conv.parametrizations.weight.original0', 'conv.parametrizations.weight.original1'],
  ])('gives each slice of v the length g, under the %s names', async (_age, magnitude, direction) => {
    const weights = checkpoint(
      weight(magnitude, [2, 1, 1], [10, 1]),
      weight(direction, [2, 1, 2], [3, 4, 0, -2]),
    );
    const result = weightNormalized(weights, 'conv', [2, 1, 2]);
    expect(result).toMatchObject({ name: 'conv.weight', shape: [2, 1, 2] });
    expect(await valuesOf(result)).toEqual([6, 8, 0, -1]);
  });

  it('refuses a slice without direction', async () => {
    const weights = checkpoint(
      weight('conv.weight_g', [1, 1, 1], [1]),
      weight('conv.weight_v', [1, 1, 2], [0, 0]),
    );
    await expect(weightNormalized(weights, 'conv', [1, 1, 2]).load()).rejects.toThrow(
      'conv.weight_v is zero at index 0',
    );
  });
});

describe('inOnnxGateOrder', () => {
  it('turns input, forget, cell, output into input, output, forget, cell', async () => {
    const result = inOnnxGateOrder(weight('w', [4, 2], [1, 1, 2, 2, 3, 3, 4, 4]));
    expect(result.shape).toEqual([1, 4, 2]);
    expect(await valuesOf(result)).toEqual([1, 1, 4, 4, 2, 2, 3, 3]);
  });
});

describe('joined', () => {
  it('puts two biases behind each other', async () => {
    const result = joined('bias', weight('a', [1, 2], [1, 2]), weight('b', [1, 2], [3, 4]));
    expect(result).toMatchObject({ name: 'bias', shape: [1, 4] });
    expect(await valuesOf(result)).toEqual([1, 2, 3, 4]);
  });
});
