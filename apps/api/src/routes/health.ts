import { type HealthOptions, healthHandlers } from '@musicgen/service';
import { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { anyQuery, type Route, type RouteSpec, route } from '../openapi/route.ts';

/** `/livez`, `/readyz` and `/metrics`: for probes and Prometheus. */
export function healthRoutes({ access, ...options }: HealthOptions & Pick<AppOptions, 'access'>): Route[] {
  const { livez, readyz, metrics } = healthHandlers(options);
  const probe = {
    method: 'get',
    tag: 'Health',
    scope: 'public',
    query: anyQuery,
    errors: [],
  } as const satisfies Partial<RouteSpec>;
  return [
    route({
      ...probe,
      operationId: 'getLiveness',
      path: '/livez',
      summary: 'Whether this process turns',
      responses: { 200: { description: 'It does.', body: z.object({ status: z.literal('ok') }) } },
      handle: (_input, res) => livez(res),
    }),
    route({
      ...probe,
      operationId: 'getReadiness',
      path: '/readyz',
      summary: 'Whether this process can do its work',
      responses: { 200: { description: 'It can.', body: z.object({ status: z.literal('ready') }) } },
      errors: ['dependency_unavailable'],
      handle: (_input, res) => readyz(res),
    }),
    route({
      ...probe,
      operationId: 'getMetrics',
      path: '/metrics',
      scope: access.areMetricsOpen ? 'public' : 'monitor',
      summary: 'Metrics for Prometheus',
      responses: { 200: { description: 'Text exposition format.', contentType: 'text/plain' } },
      handle: (_input, res) => metrics(res),
    }),
  ];
}
