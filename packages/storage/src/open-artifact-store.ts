import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ArtifactStore } from './artifact-store.ts';
import { createDiskStore } from './disk-store.ts';

/**
 * The store an `ARTIFACT_URL` names: `file:///var/lib/musicgen` or, relative to the working directory,
 * `file:.musicgen/artifacts`.
 * @throws RangeError for any other kind of URL.
 */
export function openArtifactStore(url: string): ArtifactStore {
  if (!url.startsWith('file:')) throw new RangeError('ARTIFACT_URL must be a file: URL.');
  const path = url.slice('file:'.length);
  return createDiskStore(
    path.startsWith('//') ? fileURLToPath(url) : isAbsolute(path) ? path : resolve(path),
  );
}
