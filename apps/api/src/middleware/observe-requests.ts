import type { Request, RequestHandler } from 'express';
import { requestFields } from '../logger-of.ts';
import type { ApiMetrics } from '../metrics.ts';

/**
 * One observation and, but for probes and scrapes, one log line for every request, when it ends. The line says also what
 * the request was about, where its handler has noted that in `res.locals.about`.
 */
export function observeRequests(metrics: ApiMetrics): RequestHandler {
  return (req, res, next) => {
    const startedAt = performance.now();
    res.once('close', () => {
      const seconds = (performance.now() - startedAt) / 1000;
      const route = routeOf(req);
      metrics.requestEnded({ method: req.method, route, status: res.statusCode, seconds });
      if (isProbe(req.path)) return;
      res.locals.logger.info({
        message: 'request',
        ...requestFields(res),
        method: req.method,
        route,
        status: res.statusCode,
        caller: res.locals.caller?.owner,
        ...res.locals.about,
        reason: res.locals.reason,
        duration_ms: Math.round(seconds * 1000),
        aborted: !res.writableFinished,
      });
    });
    next();
  };
}

/** The route's template, so that ids never become labels. */
export function routeOf(req: Request): string {
  return req.route?.path ?? 'unmatched';
}

export function isProbe(path: string): boolean {
  return path === '/livez' || path === '/readyz' || path === '/metrics';
}
