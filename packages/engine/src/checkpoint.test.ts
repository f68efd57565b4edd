import { readCheckpoint, writeCheckpoint } from './checkpoint.ts';

const shape = { codebooks: 4, vocabSize: 2048 };
const codes = Uint16Array.from({ length: 4 * 1500 }, (_, index) => (index * 31) % 2048);

describe('a checkpoint', () => {
  it('holds the frames that are complete and nothing of the others', () => {
    const checkpoint = writeCheckpoint(codes, 1000, shape);
    expect(Array.from(readCheckpoint(checkpoint, shape) ?? [])).toEqual(Array.from(codes.subarray(0, 4000)));
  });

  it('takes 12 kB for 30 s of MusicGen', () => {
    expect(writeCheckpoint(codes, 1500, shape)).toHaveLength(12_008);
  });

  it.each([
    ['is empty', Buffer.alloc(0)],
    ['is something else', Buffer.from('{"codes":[1,2,3,4]}')],
    ['lost its end', writeCheckpoint(codes, 10, shape).subarray(0, -3)],
    ['comes from a model with more codebooks', writeCheckpoint(codes, 10, { codebooks: 8, vocabSize: 2048 })],
    [
      'comes from a model with another vocabulary',
      writeCheckpoint(codes, 10, { codebooks: 4, vocabSize: 1536 }),
    ],
    ['holds a code outside the vocabulary', writeCheckpoint(Uint16Array.of(1, 2, 3, 2048), 1, shape)],
  ])('is refused when it %s', (_, checkpoint) => {
    expect(readCheckpoint(checkpoint, shape)).toBeUndefined();
  });
});
