import { toDecibels } from './level.ts';
import { encodeWav } from './wav.ts';

test('a stereo file has the header that players expect and interleaved samples', () => {
  const { file } = encodeWav([Float32Array.of(0, 1), Float32Array.of(-1, 0.5)], 32_000);
  expect(file.toString('latin1', 0, 4)).toBe('RIFF');
  expect(file.readUInt32LE(4)).toBe(file.length - 8);
  expect(file.toString('latin1', 8, 16)).toBe('WAVEfmt ');
  expect([file.readUInt16LE(20), file.readUInt16LE(22), file.readUInt32LE(24)]).toEqual([1, 2, 32_000]);
  expect([file.readUInt32LE(28), file.readUInt16LE(32), file.readUInt16LE(34)]).toEqual([128_000, 4, 16]);
  expect(file.readUInt32LE(40)).toBe(8);
  expect([44, 46, 48, 50].map((offset) => file.readInt16LE(offset))).toEqual([0, -32_767, 32_767, 16_384]);
});

test('a piece above full scale is made quieter as a whole instead of clipping', () => {
  const { file, peak } = encodeWav([Float32Array.of(2, 1, -2)], 32_000);
  expect(peak).toBe(1);
  expect([44, 46, 48].map((offset) => file.readInt16LE(offset))).toEqual([32_767, 16_384, -32_767]);
});

test('channels of different length are refused', () => {
  expect(() => encodeWav([new Float32Array(2), new Float32Array(3)], 32_000)).toThrow('differ in length');
});

test('silence has no level in decibels', () => {
  expect(toDecibels(0)).toBeNull();
  expect(toDecibels(1)).toBe(0);
});
