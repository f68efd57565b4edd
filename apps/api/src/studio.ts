import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RequestHandler, Router } from 'express';
import sirv from 'sirv';

/** What of the page is kept for good: its name changes with its content. */
const assetsPath = '/assets/{*name}';
const otherPaths = ['/sw.js', '/icon.svg', '/manifest.webmanifest'];
const yearSeconds = 31_536_000;

/** In the built page, the place of the nonce. */
const noncePlace = 'STYLE_NONCE';

/**
 * The page for people at `/`, from the folder that `apps/studio` is built into; nothing where it is not built. It is static
 * and public: what it shows, it asks the API for with the key that its reader gives it.
 */
export function studio(folder: string): Router {
  const router = Router();
  const index = join(folder, 'index.html');
  if (!existsSync(index)) return router;
  router.get('/', page(readFileSync(index, 'utf8')));
  const kept = sirv(folder, {
    gzip: true,
    brotli: true,
    extensions: [],
    maxAge: yearSeconds,
    immutable: true,
  });
  router.get(assetsPath, kept);
  const asked = sirv(folder, {
    etag: true,
    extensions: [],
    setHeaders: (res) => {
      res.setHeader('Cache-Control', 'no-cache');
      res.setHeader('Content-Security-Policy', workerPolicy);
    },
  });
  for (const path of otherPaths) router.get(path, asked);
  return router;
}

function page(html: string): RequestHandler {
  return (_req, res) => {
    const nonce = randomBytes(16).toString('base64url');
    res.set({ 'Content-Security-Policy': policy(nonce), 'Cache-Control': 'no-cache' });
    res.type('html').send(html.replace(noncePlace, nonce));
  };
}

/** A service worker has the policy that its script came with: it fetches the page's files and does nothing else. */
const workerPolicy = "default-src 'none'; connect-src 'self'";

/** Nothing from elsewhere and no script in the page itself. Audio and pictures that need a key come as `blob:`. */
function policy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "font-src 'self'",
    "img-src 'self' blob:",
    "media-src 'self' blob:",
    "connect-src 'self'",
    "manifest-src 'self'",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}
