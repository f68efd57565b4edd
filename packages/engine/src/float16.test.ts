import { fromFloat16, toFloat16 } from './float16.ts';

describe('float16', () => {
  it('comes back as it was, whatever the bits', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = fromFloat16(bits);
      if (!Number.isNaN(value)) expect(toFloat16(value)).toBe(bits);
    }
  });

  it('is the nearest number, and of two equally near ones the even', () => {
    expect(fromFloat16(toFloat16(0.1))).toBe(0.0999755859375);
    expect(fromFloat16(toFloat16(2049))).toBe(2048);
    expect(fromFloat16(toFloat16(2051))).toBe(2052);
    expect(fromFloat16(toFloat16(2 ** -25))).toBe(0);
    expect(fromFloat16(toFloat16(3 * 2 ** -25))).toBe(2 ** -23);
  });

  it('ends at 65504, and knows what is no number', () => {
    expect(fromFloat16(toFloat16(65519))).toBe(65504);
    expect(fromFloat16(toFloat16(-65520))).toBe(Number.NEGATIVE_INFINITY);
    expect(fromFloat16(toFloat16(Number.NaN))).toBe(Number.NaN);
  });
});
