import type { Response } from 'express';

/** Aborts when the answer is finished or its client went away. */
export function closeSignal(res: Response): AbortSignal {
  const controller = new AbortController();
  if (res.closed) controller.abort();
  res.once('close', () => controller.abort());
  return controller.signal;
}
