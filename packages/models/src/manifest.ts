import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join, posix, relative, sep } from 'node:path';
import { ServiceError } from '@musicgen/contract';
import { z } from 'zod';
import { digestFile } from './checksum.ts';

/** Lies in a model folder and says where it came from and what its files must hold. */
const manifestName = 'musicgen-manifest.json';

const manifestSchema = z.object({
  version: z.literal(1),
  layout: z.string(),
  precision: z.string(),
  licence: z.string().optional(),
  source: z.object({ repository: z.string(), commit: z.string(), endpoint: z.string() }).optional(),
  created_at: z.iso.datetime(),
  files: z.array(
    z.object({ path: z.string(), bytes: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  ),
});

export type Manifest = z.infer<typeof manifestSchema>;
/** What the manifest says about the model; the files speak for themselves. */
export type ModelOrigin = Omit<Manifest, 'version' | 'created_at' | 'files'>;

interface HashProgress {
  onProgress?: (progress: { done: number; total: number }) => void;
  signal?: AbortSignal;
}

/** Writes the checksums of all files of a model folder. */
export async function writeManifest(
  folder: string,
  origin: ModelOrigin,
  { signal }: HashProgress = {},
): Promise<void> {
  const files: Manifest['files'] = [];
  for (const path of await listFiles(folder)) {
    const { size } = await stat(join(folder, path));
    files.push({ path, bytes: size, sha256: await digestFile(join(folder, path), 'sha256', { signal }) });
  }
  const manifest: Manifest = { version: 1, ...origin, created_at: new Date().toISOString(), files };
  await writeFile(join(folder, manifestName), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

/**
 * The manifest of a model folder; undefined when it has none, as folders that were put there by hand.
 * @throws ServiceError `model_load_failed` when it cannot be read
 */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const text = await readFile(join(folder, manifestName), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw unreadable(error.message, error);
  });
  return text === undefined ? undefined : parseManifest(text);
}

/**
 * Compares a model folder with its manifest.
 * @returns a sentence for each file that is missing, changed or not in the manifest; none when all is well
 * @throws the signal's reason when it aborts
 */
export async function findChangedFiles(
  folder: string,
  manifest: Manifest,
  { onProgress, signal }: HashProgress = {},
): Promise<string[]> {
  const total = manifest.files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  const onBytes = (count: number) => {
    done += count;
    onProgress?.({ done, total });
  };
  // What is there is looked up in the manifest, never the other way round: no path of its text is opened.
  const present = new Set(await listFiles(folder));
  const problems: string[] = [];
  for (const { path, bytes, sha256 } of manifest.files) {
    if (!present.delete(path)) {
      problems.push(`${path} is missing`);
      continue;
    }
    const { size } = await stat(join(folder, path));
    if (size !== bytes) problems.push(`${path} has ${size} bytes instead of ${bytes}`);
    else if ((await digestFile(join(folder, path), 'sha256', { onBytes, signal })) !== sha256) {
      problems.push(`${path} has another checksum than when it was installed`);
    }
  }
  return [...problems, ...[...present].map((path) => `${path} was not there when the model was installed`)];
}

/** Every file below the folder but the manifest, by its path with forward slashes, in order. */
async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join(posix.sep))
    .filter((path) => path !== manifestName)
    .sort();
}

function parseManifest(text: string): Manifest {
  try {
    return manifestSchema.parse(JSON.parse(text));
  } catch (error) {
    throw unreadable('it is not what "musicgen models" writes', error);
  }
}

function unreadable(why: string, cause: unknown): ServiceError {
  return new ServiceError('model_load_failed', `${manifestName} cannot be read: ${why}`, { cause });
}
