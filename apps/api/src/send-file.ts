import { pipeline } from 'node:stream/promises';
import { ServiceError } from '@musicgen/contract';
import type { Artifact, ByteRange } from '@musicgen/storage';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { loggerOf } from './logger-of.ts';

export interface FileToSend {
  artifact: Artifact;
  contentType: string;
  /** Strong, in its quotes. */
  etag: string;
  /** Milliseconds since 1970 until which it is kept as it is; absent: it grows, so a cache must ask each time. */
  expiresAt?: number;
  /** Whether parts may be asked for: what is small is sent whole. */
  ranges: 'bytes' | 'none';
  /** Of the whole file, where it is known. */
  sha256?: string;
  /** Offered to be saved under this name. */
  downloadName?: string;
}

/** The headers of every answer of `sendFile`, for the document. */
export const fileHeaders = {
  ETag: z.string().describe('Strong: changes with the content.'),
  'Cache-Control': z.string().describe('As long as the task is kept; a preview must be asked for each time.'),
};

/** Those of a `206`. */
export const rangeHeaders = { 'Content-Range': z.string().describe('Which bytes of how many.') };

/** What `sendFile` reads of a request, for the document. */
export const fileRequestHeaders = z.object({
  'if-none-match': z.string().optional().describe('ETags that are known already.'),
});

/**
 * Sends a stored file, whole or one range of it, or says that the caller has it already. What is stored for a finished task
 * never changes, so any cache of the caller's own may keep it.
 * @throws ServiceError `range_not_satisfiable`.
 */
export async function sendFile(res: Response, file: FileToSend): Promise<void> {
  const { req } = res;
  const { artifact } = file;
  const range =
    file.ranges === 'bytes' ? rangeOf(req, { bytes: artifact.bytes, etag: file.etag }) : undefined;
  if (range === 'unsatisfiable') return refuseRange(res, artifact.bytes);
  if (isKnown(req, file.etag)) {
    describe(res, file);
    return void res.status(304).end();
  }
  // Before any header, so that a store which is away can still be told.
  const content = req.method === 'HEAD' ? undefined : await artifact.read(range);
  describe(res, file);
  if (file.downloadName !== undefined) res.attachment(file.downloadName).type(file.contentType);
  res.set('Content-Length', String(range ? range.end - range.start + 1 : artifact.bytes));
  if (range) res.status(206).set('Content-Range', `bytes ${range.start}-${range.end}/${artifact.bytes}`);
  if (content === undefined) return void res.end();
  await pipeline(content, res).catch((error: unknown) => {
    // The client went away, or the file broke off: the headers are out, so the connection is all there is to end.
    loggerOf(res).info('file not sent whole', { error });
    res.destroy();
  });
}

function describe(res: Response, { contentType, etag, expiresAt, sha256, ranges }: FileToSend): void {
  res.set({
    'Content-Type': contentType,
    ETag: etag,
    'Cache-Control': expiresAt === undefined ? 'private, no-cache' : keptUntil(expiresAt),
  });
  if (ranges === 'bytes') res.set('Accept-Ranges', ranges);
  if (sha256 !== undefined)
    res.set('Repr-Digest', `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`);
}

function keptUntil(expiresAt: number): string {
  const seconds = Math.max(0, Math.floor((expiresAt - Date.now()) / 1000));
  return `private, max-age=${seconds}, immutable`;
}

/** `req.fresh` would need the header of the answer, which a refused range must not have. */
function isKnown(req: Request, etag: string): boolean {
  const known = req.get('If-None-Match')?.split(',') ?? [];
  return known.some((tag) => tag.trim().replace(/^W\//, '') === etag || tag.trim() === '*');
}

/**
 * The one range to answer with, or undefined for the whole. Ranges belong to GET alone; several of them, other units and
 * a stale `If-Range` get the whole, as RFC 9110 allows.
 */
function rangeOf(
  req: Request,
  { bytes, etag }: { bytes: number; etag: string },
): ByteRange | 'unsatisfiable' | undefined {
  const ifRange = req.get('If-Range');
  if (req.method !== 'GET' || (ifRange !== undefined && ifRange !== etag)) return undefined;
  const ranges = req.range(bytes, { combine: true });
  if (ranges === -1) return 'unsatisfiable';
  if (ranges === undefined || ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1)
    return undefined;
  return ranges[0];
}

function refuseRange(res: Response, bytes: number): never {
  res.set('Content-Range', `bytes */${bytes}`);
  throw new ServiceError('range_not_satisfiable', `The range must lie within 0 and ${bytes - 1}.`);
}
