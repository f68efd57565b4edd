import type { Response } from 'express';

/** Takes the place of Express' `res.json`, which works out the media type and its charset anew for each answer. */
export function jsonAnswer(this: Response, value: unknown): Response {
  return sendJsonText(this, JSON.stringify(value));
}

/** Answers with JSON that is a text already. */
export function sendJsonText(res: Response, text: string): Response {
  if (!res.hasHeader('Content-Type')) res.setHeader('Content-Type', 'application/json; charset=utf-8');
  res.setHeader('Content-Length', Buffer.byteLength(text));
  return res.end(text);
}
