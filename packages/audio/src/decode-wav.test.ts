import { decodeWav, describeWav } from './decode-wav.ts';
import { encodeWav } from './wav.ts';

interface TestFile {
  tag?: number;
  channels?: number;
  sampleRate?: number;
  bits: number;
  data: Buffer;
  /** Written between the header and the samples. */
  before?: Buffer;
}

/** A WAV file as other programs write them. */
function wavFile({
  tag = 1,
  channels = 1,
  sampleRate = 44_100,
  bits,
  data,
  before = Buffer.alloc(0),
}: TestFile) {
  const format = Buffer.alloc(16);
  format.writeUInt16LE(tag, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(sampleRate, 4);
  format.writeUInt16LE((channels * bits) / 8, 12);
  format.writeUInt16LE(bits, 14);
  return riff(Buffer.concat([chunk('fmt ', format), before, chunk('data', data)]));
}

function riff(content: Buffer) {
  return Buffer.concat([chunk('RIFF', Buffer.concat([Buffer.from('WAVE'), content]))]);
}

function chunk(id: string, content: Buffer, claimedBytes = content.length) {
  const header = Buffer.alloc(8);
  header.write(id, 'latin1');
  header.writeUInt32LE(claimedBytes, 4);
  return Buffer.concat([header, content, Buffer.alloc(content.length % 2)]);
}

test('what was encoded is decoded again, but for the rounding to 16 bits', () => {
  const left = Float32Array.from({ length: 1000 }, (_, index) => Math.sin(index / 10) * 0.9);
  const right = left.map((sample) => -sample / 2);
  const { samples, sampleRate } = decodeWav(encodeWav([left, right], 32_000).file);
  expect([samples.length, sampleRate]).toEqual([2, 32_000]);
  for (const [channel, original] of [left, right].entries()) {
    const worst = original.map((sample, index) => Math.abs(sample - Number(samples[channel]?.[index])));
    expect(Math.max(...worst)).toBeLessThan(1 / 20_000);
  }
});

test.each([
  ['16-bit PCM', { bits: 16, data: Buffer.of(0, 0x40, 0, 0x80) }, [0.5, -1]],
  ['24-bit PCM', { bits: 24, data: Buffer.of(0, 0, 0x40, 0, 0, 0x80) }, [0.5, -1]],
  ['32-bit PCM', { bits: 32, data: Buffer.of(0, 0, 0, 0x40, 0, 0, 0, 0x80) }, [0.5, -1]],
  ['32-bit float', { tag: 3, bits: 32, data: Buffer.from(Float32Array.of(0.5, -1.5).buffer) }, [0.5, -1.5]],
])('%s is read', (_name, file, expected) => {
  expect([...(decodeWav(wavFile(file)).samples[0] ?? [])]).toEqual(expected);
});

test('the extensible header names the format in its GUID', () => {
  const format = Buffer.alloc(40);
  format.writeUInt16LE(0xfffe, 0);
  format.writeUInt16LE(2, 2);
  format.writeUInt32LE(48_000, 4);
  format.writeUInt16LE(32, 14);
  format.writeUInt16LE(3, 24);
  const data = Buffer.from(Float32Array.of(0.25, -0.25).buffer);
  const { samples, sampleRate } = decodeWav(
    riff(Buffer.concat([chunk('fmt ', format), chunk('data', data)])),
  );
  expect([sampleRate, samples.map((channel) => channel[0])]).toEqual([48_000, [0.25, -0.25]]);
});

test('chunks that mean nothing here are passed over, also those of odd length', () => {
  const before = chunk('LIST', Buffer.from('INFOx'));
  const { samples } = decodeWav(wavFile({ bits: 16, data: Buffer.of(0, 0x40), before }));
  expect(samples[0]?.[0]).toBe(0.5);
});

test('a file that was written to a pipe has as many samples as came', () => {
  const format = wavFile({ bits: 16, data: Buffer.alloc(0) }).subarray(12, 36);
  const piped = riff(Buffer.concat([format, chunk('data', Buffer.alloc(8), 0xffff_ffff)]));
  expect(decodeWav(piped).samples[0]?.length).toBe(4);
});

test('the beginning tells what the whole file is', () => {
  const file = wavFile({ channels: 2, bits: 16, data: Buffer.alloc(44_100 * 4 * 3) });
  expect(describeWav(file.subarray(0, 1000), file.length)).toEqual({
    channels: 2,
    sampleRate: 44_100,
    seconds: 3,
  });
  const refused = (start: Buffer, bytes: number, reason: string) =>
    expect(() => describeWav(start, bytes)).toThrow(
      expect.objectContaining({ code: 'unreadable_audio', message: expect.stringContaining(reason) }),
    );
  refused(file.subarray(0, 1000), file.length - 2, 'breaks off');
  refused(file.subarray(0, 36), file.length, 'no data chunk near its beginning');
});

const silence = Buffer.alloc(8);

test.each([
  ['nothing', Buffer.alloc(0), 'RIFF/WAVE'],
  ['another kind of file', Buffer.from('ID3\x04 and then an MP3 file'), 'RIFF/WAVE'],
  ['no format', riff(chunk('data', silence)), 'no fmt chunk'],
  ['a short format', riff(chunk('fmt ', silence)), 'fmt chunk is too short'],
  ['no samples', wavFile({ bits: 16, data: Buffer.alloc(0) }), 'no samples'],
  ['no data chunk', wavFile({ bits: 16, data: silence }).subarray(0, 36), 'no data chunk'],
  ['8-bit PCM', wavFile({ bits: 8, data: silence }), 'pcm of 8 bits'],
  ['64-bit float', wavFile({ tag: 3, bits: 64, data: silence }), 'float of 64 bits'],
  ['ADPCM', wavFile({ tag: 2, bits: 4, data: silence }), 'format 2 of 4 bits'],
  ['no channels', wavFile({ channels: 0, bits: 16, data: silence }), '0 channels'],
  ['too many channels', wavFile({ channels: 9, bits: 16, data: silence }), '9 channels'],
  ['a sample rate of 0', wavFile({ sampleRate: 0, bits: 16, data: silence }), 'sample rate is 0 Hz'],
  ['half of a file', wavFile({ bits: 16, data: silence }).subarray(0, 48), 'breaks off'],
  [
    'samples that are not numbers',
    wavFile({ tag: 3, bits: 32, data: Buffer.from(Float32Array.of(Number.NaN).buffer) }),
    'not numbers',
  ],
])('%s is refused with its reason', (_name, file, reason) => {
  expect(() => decodeWav(file)).toThrow(
    expect.objectContaining({ code: 'unreadable_audio', message: expect.stringContaining(reason) }),
  );
});
