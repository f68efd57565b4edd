import type { Tracer } from '@musicgen/service';
import type { RequestHandler } from 'express';
import { isProbe, routeOf } from './observe-requests.ts';

/**
 * One span for every request but probes, in the trace of the caller's `traceparent` where it sent one. What is to be
 * handed on is in `res.locals.traceparent` and the response's header; the trace's id is in every log line.
 */
export function traceRequests(tracer: Tracer): RequestHandler {
  return (req, res, next) => {
    if (isProbe(req.path)) return next();
    const span = tracer.startSpan(req.method, { kind: 'server', parent: req.get('traceparent') });
    const { traceId, traceparent } = span;
    if (traceId === undefined || traceparent === undefined) return next();
    res.locals.traceparent = traceparent;
    res.locals.traceId = traceId;
    res.set('traceparent', traceparent);
    res.once('close', () => {
      const route = routeOf(req);
      const { statusCode } = res;
      span.end({
        name: `${req.method} ${route}`,
        attributes: {
          'http.request.method': req.method,
          'http.route': route,
          'http.response.status_code': statusCode,
          'musicgen.request_id': res.locals.requestId,
        },
        ...(statusCode >= 500 && { failure: res.locals.reason ?? String(statusCode) }),
      });
    });
    next();
  };
}
