/** Words of the counter and halves of the key are unsigned 32-bit integers. */
type Counter = readonly [number, number, number, number];
type Key = readonly [number, number];

/**
 * Philox 4x32 with 10 rounds, a counter-based random generator: the n-th number is computed from n alone, so work that
 * is resumed, or done in another order, sees the same numbers.
 * Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011).
 */
export function philox4x32(counter: Counter, key: Key): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(0xd2511f53, c0);
    const low0 = Math.imul(0xd2511f53, c0);
    const high1 = multiplyHigh(0xcd9e8d57, c2);
    const low1 = Math.imul(0xcd9e8d57, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + 0x9e3779b9) | 0;
    k1 = (k1 + 0xbb67ae85) | 0;
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}

/**
 * The uniform random number in [0, 1), of 53 bits, that decides one cell of a piece.
 * @param seed integer from 0 to 2^53 − 1
 */
export function uniformAt(seed: number, column: number, codebook: number): number {
  const key: Key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
  const [high, low] = philox4x32([column, codebook, 0, 0], key);
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}

/** Upper 32 bits of the product of two unsigned 32-bit integers, by halves that a double holds exactly. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = (b >>> 16) & 0xffff;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = aLow * bHigh + (middle & 0xffff);
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) | 0;
}
