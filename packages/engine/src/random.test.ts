import { philox4x32, uniformAt } from './random.ts';

describe('philox4x32', () => {
  // The known answers of Random123 (kat_vectors, philox4x32 with 10 rounds).
  it.each([
    {
      counter: [0, 0, 0, 0],
      key: [0, 0],
      words: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    },
    {
      counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      key: [0xffffffff, 0xffffffff],
      words: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    },
    {
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      key: [0xa4093822, 0x299f31d0],
      words: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    },
  ])('gives the published words for counter $counter', ({ counter, key, words }) => {
    const [c0 = 0, c1 = 0, c2 = 0, c3 = 0] = counter;
    const [k0 = 0, k1 = 0] = key;
    expect(philox4x32([c0, c1, c2, c3], [k0, k1])).toEqual(words);
  });
});

describe('uniformAt', () => {
  it('depends on the seed, the column and the codebook alone', () => {
    expect(uniformAt(7, 100, 2)).toBe(uniformAt(7, 100, 2));
    const others = [
      uniformAt(8, 100, 2),
      uniformAt(7, 101, 2),
      uniformAt(7, 100, 3),
      uniformAt(7 + 2 ** 32, 100, 2),
    ];
    expect(others).not.toContain(uniformAt(7, 100, 2));
    expect(new Set(others).size).toBe(4);
  });

  it('is spread evenly over [0, 1)', () => {
    const numbers = Array.from({ length: 40_000 }, (_, index) =>
      uniformAt(2 ** 53 - 1, index >> 2, index & 3),
    );
    expect(numbers.every((number) => number >= 0 && number < 1)).toBe(true);
    const deciles = Array.from(
      { length: 10 },
      (_, tenth) => numbers.filter((n) => Math.floor(n * 10) === tenth).length,
    );
    // Five standard deviations around 4000.
    for (const count of deciles) expect(Math.abs(count - 4000)).toBeLessThan(300);
  });
});
