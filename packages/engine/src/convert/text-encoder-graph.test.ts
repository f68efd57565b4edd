import { relativePositionBucket } from './text-encoder-graph.ts';

const config = { relative_attention_num_buckets: 32, relative_attention_max_distance: 128 };

describe('relativePositionBucket', () => {
  it.each([
    [0, 0],
    [-7, 7],
    [-8, 8],
    [-11, 8],
    [-12, 9],
    [-16, 10],
    [-32, 12],
    [-64, 14],
    [-127, 15],
    [-128, 15],
    [-5000, 15],
    [1, 17],
    [7, 23],
    [8, 24],
    [128, 31],
  ])('puts distance %i into bucket %i', (distance, bucket) => {
    expect(relativePositionBucket(distance, config)).toBe(bucket);
  });
});
