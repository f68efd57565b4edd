import type { Response } from 'express';

/** Takes the place of Express' `res.json`, which works out the media type and its charset anew for each answer. */
export function jsonAnswer(this: Response, value: unknown): Response {
  const text = JSON.stringify(value);
  if (!this.hasHeader('Content-Type')) this.setHeader('Content-Type', 'application/json; charset=utf-8');
  this.setHeader('Content-Length', Buffer.byteLength(text));
  return this.end(text);
}
