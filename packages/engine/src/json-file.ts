import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '@musicgen/contract';

export type JsonObject = { [key: string]: unknown };

/** A part of a JSON file that is read key by key; what has the wrong type is refused with the file and key named. */
export interface JsonSection {
  has(key: string): boolean;
  keys(): string[];
  section(key: string): JsonSection;
  text(key: string): string | undefined;
  /** A finite number; `fallback` when the key is absent or null. */
  number<Fallback>(key: string, fallback: Fallback): number | Fallback;
  /** An integer ≥ 1. */
  count<Fallback>(key: string, fallback: Fallback): number | Fallback;
  counts(key: string, fallback: number[]): number[];
}

/**
 * Reads a JSON file of a model folder.
 * @throws ServiceError `model_load_failed` naming the file when it is missing or not a JSON object
 */
export async function readJsonObject(folder: string, file: string): Promise<JsonObject> {
  const text = await readFile(join(folder, file), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw broken(
      file,
      error.code === 'ENOENT' ? `is missing in ${folder}` : `cannot be read: ${error.message}`,
    );
  });
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch (error) {
    throw broken(file, `is not valid JSON: ${(error as Error).message}`);
  }
  throw broken(file, 'holds no JSON object');
}

/** The keys of a JSON object, read with checks; `path` is what leads to it inside the file. */
export function jsonSection(file: string, object: JsonObject, path = ''): JsonSection {
  const value = (key: string) => object[key] ?? undefined;
  const wrong = (key: string, wanted: string) =>
    broken(file, `says ${path}${key} = ${JSON.stringify(object[key])}, which is not ${wanted}`);
  return {
    has: (key) => key in object,
    keys: () => Object.keys(object),
    section(key) {
      const inner = value(key) ?? {};
      if (!isObject(inner)) throw wrong(key, 'an object');
      return jsonSection(file, inner, `${path}${key}.`);
    },
    text(key) {
      const found = value(key);
      return typeof found === 'string' ? found : undefined;
    },
    number(key, fallback) {
      const found = value(key) ?? fallback;
      if (found !== fallback && !Number.isFinite(found)) throw wrong(key, 'a number');
      return found as number;
    },
    count(key, fallback) {
      const found = value(key) ?? fallback;
      if (found !== fallback && !isCount(found)) throw wrong(key, 'a positive integer');
      return found as number;
    },
    counts(key, fallback) {
      const found = value(key) ?? fallback;
      if (!Array.isArray(found) || !found.every(isCount)) throw wrong(key, 'a list of positive integers');
      return found;
    },
  };
}

/** The error for a file of a model folder that cannot be used. */
export function broken(file: string, problem: string, cause?: unknown): ServiceError {
  return new ServiceError('model_load_failed', `${file} ${problem}`, { cause });
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0;
}
