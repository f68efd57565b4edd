import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  float32Tensor,
  floatsOf,
  writeSafetensors,
  writeSafetensorsFile,
} from '../../fixtures/safetensors.ts';
import { openSafetensors } from './safetensors.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
  path = join(folder, 'model.safetensors');
});

afterEach(() => rmSync(folder, { recursive: true }));

const entry = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('openSafetensors', () => {
  it('reads one tensor at a time', async () => {
    writeSafetensors(path, { a: float32Tensor([2], [1, 2]), b: float32Tensor([1, 3], [3, 4, 5]) });
    const file = await openSafetensors(path);
    expect(file.entries.get('b')?.shape).toEqual([1, 3]);
    const bytes = await file.readBytes('b');
    await file.close();
    expect(Array.from(floatsOf({ dtype: 'F32', shape: [3], bytes }))).toEqual([3, 4, 5]);
  });

  it('skips metadata and takes scalars and empty tensors', async () => {
    const header = { __metadata__: { format: 'pt' }, scalar: entry(0, 4, []), empty: entry(4, 4, [0, 7]) };
    writeSafetensorsFile(path, header, new Uint8Array(4));
    const file = await openSafetensors(path);
    await file.close();
    expect([...file.entries.keys()]).toEqual(['scalar', 'empty']);
  });

  it.each([
    ['a file shorter than its length field', new Uint8Array(5), 'is only 5 bytes long'],
    [
      'a header longer than the file',
      Buffer.from('ffffff0000000000', 'hex'),
      'announces a header of 16777215',
    ],
    [
      'a header beyond 64-bit sense',
      Buffer.from('ffffffffffffffff7b7d', 'hex'),
      'announces a header of 1844674',
    ],
    [
      'a header that is no JSON',
      Buffer.from('0300000000000000616263', 'hex'),
      'header that is not a JSON object',
    ],
    [
      'a header that is a list',
      Buffer.from('02000000000000005b5d', 'hex'),
      'header that is not a JSON object',
    ],
  ])('refuses %s', async (_what, bytes, message) => {
    writeFileSync(path, bytes);
    await expect(openSafetensors(path)).rejects.toMatchObject({
      code: 'model_load_failed',
      message: expect.stringMatching(new RegExp(`^model.safetensors .*${message}`)),
    });
  });

  it.each([
    ['overlapping tensors', { a: entry(0, 8), b: entry(4, 12) }, 12, 'places tensor b over another'],
    ['a gap', { a: entry(0, 4), b: entry(8, 12) }, 12, 'leaves 4 bytes before tensor b'],
    ['bytes after the last tensor', { a: entry(0, 4) }, 9, 'has 5 bytes after its last tensor'],
    ['a cut-off file', { a: entry(0, 400) }, 100, 'is cut off: tensor a'],
    [
      'a shape that does not fit the bytes',
      { a: entry(0, 8, [3]) },
      8,
      'gives tensor a 8 bytes, but F32 \\[3\\]',
    ],
    ['a shape whose product overflows', { a: entry(0, 8, [2 ** 31, 2 ** 33]) }, 8, 'gives tensor a 8 bytes'],
    ['offsets in reverse', { a: entry(8, 0, [0]) }, 8, 'gives tensor a -8 bytes'],
    ['a negative offset', { a: entry(-4, 0, [1]) }, 4, 'describes tensor a wrongly'],
    ['an unknown dtype', { a: { ...entry(0, 4), dtype: 'F31' } }, 4, 'unknown dtype F31'],
    ['an entry that is no tensor', { a: 'tensor' }, 0, 'describes tensor a wrongly'],
  ])('refuses %s', async (_what, header, dataBytes, message) => {
    writeSafetensorsFile(path, header, new Uint8Array(dataBytes));
    await expect(openSafetensors(path)).rejects.toMatchObject({
      code: 'model_load_failed',
      message: expect.stringMatching(new RegExp(`^model.safetensors .*${message}`)),
    });
  });

  it('names a file that is not there', async () => {
    await expect(openSafetensors(path)).rejects.toMatchObject({ code: 'model_load_failed' });
  });
});
