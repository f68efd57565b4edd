import type { Logger } from '@musicgen/service';
import type { Response } from 'express';

/** What every line about a request carries. */
export function requestFields({ locals }: Response) {
  return { request_id: locals.requestId, trace_id: locals.traceId };
}

/** A logger whose lines say which request they are about. It is made when it is asked for: most requests write one line only. */
export function loggerOf(res: Response): Logger {
  res.locals.ownLogger ??= res.locals.logger.child(requestFields(res));
  return res.locals.ownLogger;
}
