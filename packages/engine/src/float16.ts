// IEEE 754 binary16: 1 sign, 5 exponent (bias 15) and 10 fraction bits.

/** What the bits say. */
export function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** The bits of the nearest number, of two equally near ones the even; beyond 65504 infinity. */
export function toFloat16(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  // Counted in units of the last place; a carry into the exponent comes out right, as its field follows the fraction's.
  const units = roundHalfToEven(size / 2 ** (exponent - 10));
  return sign | (units < 1024 ? units : units + (exponent + 14) * 1024);
}

function roundHalfToEven(value: number): number {
  const below = Math.floor(value);
  const over = value - below;
  if (over === 0.5) return below + (below % 2);
  return over > 0.5 ? below + 1 : below;
}
