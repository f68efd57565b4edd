import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

/**
 * The hex digest of a file: its SHA-256, or the id that git gives it, the SHA-1 of `blob <bytes>\0` and the content.
 * @throws the signal's reason when it aborts; the file system's error
 */
export async function digestFile(
  path: string,
  kind: 'sha256' | 'git',
  { onBytes, signal }: { onBytes?: (count: number) => void; signal?: AbortSignal } = {},
): Promise<string> {
  const hash = createHash(kind === 'git' ? 'sha1' : 'sha256');
  if (kind === 'git') hash.update(`blob ${(await stat(path)).size}\0`);
  await pipeline(
    createReadStream(path, { highWaterMark: 2 ** 20 }),
    async (chunks) => {
      for await (const chunk of chunks) {
        hash.update(chunk);
        onBytes?.(chunk.length);
      }
    },
    { signal },
  ).catch((error: Error) => {
    throw signal?.aborted ? signal.reason : error;
  });
  return hash.digest('hex');
}
