import type { RequestHandler } from 'express';

/** What a page may read of an answer beside its body. */
const exposed = [
  'X-Request-Id',
  'Location',
  'Link',
  'ETag',
  'Retry-After',
  'RateLimit',
  'RateLimit-Policy',
  'Idempotency-Replayed',
  'Preference-Applied',
  'Content-Disposition',
  'Content-Range',
  'Accept-Ranges',
  'Repr-Digest',
].join(', ');

const allowedHeaders = [
  'Authorization',
  'X-API-Key',
  'Content-Type',
  'Idempotency-Key',
  'Prefer',
  'Range',
  'If-None-Match',
  'If-Range',
  'Last-Event-ID',
  'X-Request-Id',
  'traceparent',
].join(', ');

/**
 * Lets pages of these origins call the API and read its answers; `*` is every page. Without origins a page of another
 * site can read nothing. Keys travel in headers, never in cookies, so credentials stay off.
 */
export function cors(origins: readonly string[]): RequestHandler {
  return (req, res, next) => {
    if (origins.length === 0) return next();
    res.vary('Origin');
    const origin = req.get('Origin');
    if (origin === undefined || !isAllowedOrigin(origin, origins)) return next();
    res.set({ 'Access-Control-Allow-Origin': origin, 'Access-Control-Expose-Headers': exposed });
    if (req.method !== 'OPTIONS' || req.get('Access-Control-Request-Method') === undefined) return next();
    res.set({
      'Access-Control-Allow-Methods': 'GET, HEAD, POST, PATCH, DELETE',
      'Access-Control-Allow-Headers': allowedHeaders,
      'Access-Control-Max-Age': '600',
    });
    res.status(204).end();
  };
}

export function isAllowedOrigin(origin: string, origins: readonly string[]): boolean {
  return origins.includes('*') || origins.includes(origin);
}
