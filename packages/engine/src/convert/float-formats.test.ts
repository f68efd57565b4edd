import { floatDecoder } from './float-formats.ts';

function decode(dtype: string, ...units: number[]): number[] {
  const bytes = new Uint8Array(Uint16Array.from(units).buffer);
  return Array.from(floatDecoder(dtype)?.(bytes) ?? []);
}

describe('floatDecoder', () => {
  it('widens float16, with subnormals, infinity and NaN', () => {
    expect(decode('F16', 0x3c00, 0xc000, 0x3555, 0x0001, 0x8000, 0x7bff, 0x7c00, 0x7e00)).toEqual([
      1,
      -2,
      0.333251953125,
      2 ** -24,
      -0,
      65504,
      Number.POSITIVE_INFINITY,
      Number.NaN,
    ]);
  });

  it('widens bfloat16', () => {
    expect(decode('BF16', 0x3f80, 0xc040, 0x0001, 0x7f80)).toEqual([
      1,
      -3,
      2 ** -133,
      Number.POSITIVE_INFINITY,
    ]);
  });

  it('knows no integers', () => {
    expect(floatDecoder('I64')).toBeUndefined();
  });
});
