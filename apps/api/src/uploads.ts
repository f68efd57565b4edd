import { randomBytes } from 'node:crypto';
import { type ArtifactStore, uploadsKey } from '@musicgen/storage';

/** An id that tells by itself how long the upload is kept, so there is no record to lose, to look up or to tidy. */
export function newUploadId(expiresAt: Date): string {
  return `${expiresAt.getTime()}-${randomBytes(16).toString('base64url')}`;
}

/** When an upload of this id is removed, Unix milliseconds; undefined for an id that no upload was given. */
export function uploadExpiry(uploadId: string): number | undefined {
  const [, expiresAt] = /^(\d{13})-[\w-]{22}$/.exec(uploadId) ?? [];
  return expiresAt === undefined ? undefined : Number(expiresAt);
}

/** Removes the uploads whose time is over, and what is left of broken ones; resolves to how many. */
export async function removeExpiredUploads(
  store: Pick<ArtifactStore, 'list' | 'remove'>,
  now = Date.now(),
): Promise<number> {
  let removed = 0;
  for await (const key of store.list(uploadsKey)) {
    // What a crash leaves of one that was being written begins with its id too.
    const [, expiresAt] = /\/(\d{13})-[^/]*$/.exec(key) ?? [];
    if (expiresAt === undefined || Number(expiresAt) > now) continue;
    await store.remove(key);
    removed += 1;
  }
  return removed;
}
