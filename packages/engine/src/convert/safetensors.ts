import { type FileHandle, open } from 'node:fs/promises';
import { basename } from 'node:path';
import { z } from 'zod';
import { broken } from '../json-file.ts';

/** Bytes per element of every dtype the format knows; the converter itself reads only the floating-point ones. */
const bytesPerElement: ReadonlyMap<string, number> = new Map([
  ['BOOL', 1],
  ['U8', 1],
  ['I8', 1],
  ['F8_E5M2', 1],
  ['F8_E4M3', 1],
  ['I16', 2],
  ['U16', 2],
  ['F16', 2],
  ['BF16', 2],
  ['I32', 4],
  ['U32', 4],
  ['F32', 4],
  ['I64', 8],
  ['U64', 8],
  ['F64', 8],
]);

/** The reference implementation's own limit, so that a lying length cannot make us allocate gigabytes. */
const maxHeaderBytes = 100_000_000;

/** One read() of the operating system takes fewer than 2³¹ bytes. */
const maxReadBytes = 2 ** 30;

const entrySchema = z.object({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
const headerSchema = z.record(z.string(), z.unknown());

interface SafetensorsEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte in the file, and the one after the last. */
  readonly begin: number;
  readonly end: number;
}

export interface SafetensorsFile {
  readonly name: string;
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
  /** The tensor's raw little-endian bytes, C order. */
  readBytes(tensorName: string): Promise<Uint8Array<ArrayBuffer>>;
  close(): Promise<void>;
}

/**
 * Opens a safetensors file and checks its whole header; tensors are read from disk one at a time.
 * Layout: u64 header length, JSON header, data; the tensors cover the data without gaps or overlaps
 * (https://github.com/huggingface/safetensors#format).
 * @throws ServiceError `model_load_failed` naming the file and the tensor
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const name = basename(path);
  const file = await open(path).catch((error: Error) => {
    throw broken(name, `cannot be read: ${error.message}`, error);
  });
  try {
    const { size } = await file.stat();
    const entries = await readHeader({ file, name, size });
    return {
      name,
      entries,
      readBytes: async (tensorName) => {
        const entry = entries.get(tensorName);
        if (!entry) throw broken(name, `has no tensor ${tensorName}`);
        return await readRange({ file, name, begin: entry.begin, end: entry.end });
      },
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readHeader(source: { file: FileHandle; name: string; size: number }) {
  const { file, name, size } = source;
  if (size < 8) throw broken(name, `is only ${size} bytes long, too short for a safetensors file`);
  const prefix = await readRange({ file, name, begin: 0, end: 8 });
  const headerBytes = new DataView(prefix.buffer).getBigUint64(0, true);
  if (headerBytes > BigInt(Math.min(maxHeaderBytes, size - 8))) {
    throw broken(name, `announces a header of ${headerBytes} bytes, but the file has ${size} bytes`);
  }
  const dataStart = 8 + Number(headerBytes);
  const json = new TextDecoder().decode(await readRange({ file, name, begin: 8, end: dataStart }));
  const entries = parseHeader({ name, json, dataStart });
  checkCoverage({ name, entries, dataStart, size });
  return entries;
}

function parseHeader({ name, json, dataStart }: { name: string; json: string; dataStart: number }) {
  const entries = new Map<string, SafetensorsEntry>();
  for (const [tensorName, value] of Object.entries(parseJsonObject(name, json))) {
    if (tensorName === '__metadata__') continue;
    const parsed = entrySchema.safeParse(value);
    if (!parsed.success) throw broken(name, `describes tensor ${tensorName} wrongly in its header`);
    const { dtype, shape, data_offsets } = parsed.data;
    const elementBytes = bytesPerElement.get(dtype);
    if (elementBytes === undefined)
      throw broken(name, `gives tensor ${tensorName} the unknown dtype ${dtype}`);
    const expectedBytes = shape.reduce((product, size) => product * size, elementBytes);
    const [first, last] = data_offsets;
    if (last - first !== expectedBytes) {
      throw broken(
        name,
        `gives tensor ${tensorName} ${last - first} bytes, but ${dtype} [${shape}] takes ${expectedBytes}`,
      );
    }
    entries.set(tensorName, { dtype, shape, begin: dataStart + first, end: dataStart + last });
  }
  return entries;
}

function parseJsonObject(name: string, json: string): Record<string, unknown> {
  try {
    return headerSchema.parse(JSON.parse(json));
  } catch (cause) {
    throw broken(name, 'has a header that is not a JSON object', cause);
  }
}

function checkCoverage(header: {
  name: string;
  entries: ReadonlyMap<string, SafetensorsEntry>;
  dataStart: number;
  size: number;
}) {
  const { name, entries, dataStart, size } = header;
  let end = dataStart;
  for (const [tensorName, entry] of [...entries].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    if (entry.begin < end) throw broken(name, `places tensor ${tensorName} over another tensor`);
    if (entry.begin > end)
      throw broken(name, `leaves ${entry.begin - end} bytes before tensor ${tensorName}`);
    if (entry.end > size) {
      throw broken(name, `is cut off: tensor ${tensorName} ends at byte ${entry.end}, the file at ${size}`);
    }
    end = entry.end;
  }
  if (end !== size) throw broken(name, `has ${size - end} bytes after its last tensor`);
}

async function readRange(range: { file: FileHandle; name: string; begin: number; end: number }) {
  const { file, name, begin, end } = range;
  const bytes = new Uint8Array(end - begin);
  let done = 0;
  while (done < bytes.length) {
    const length = Math.min(maxReadBytes, bytes.length - done);
    const { bytesRead } = await file.read(bytes, done, length, begin + done);
    if (bytesRead === 0) throw broken(name, `ended at byte ${begin + done} while it was read`);
    done += bytesRead;
  }
  return bytes;
}
