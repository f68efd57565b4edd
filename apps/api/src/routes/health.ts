import { healthDetailSchema } from '@musicgen/contract';
import { type HealthOptions, healthHandlers } from '@musicgen/service';
import { z } from 'zod';
import type { AppOptions } from '../app.ts';
import { type HealthDetailOptions, healthDetail } from '../monitoring/health-detail.ts';
import { anyQuery, type Route, type RouteSpec, route } from '../openapi/route.ts';

type Options = HealthOptions & Pick<AppOptions, 'access'> & HealthDetailOptions;

/** `/livez`, `/readyz` and `/metrics` for probes and Prometheus, `/healthz` for people. */
export function healthRoutes({ access, ...options }: Options): Route[] {
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
      operationId: 'getHealth',
      path: '/healthz',
      summary: 'What this process depends on, part by part',
      description: 'Answers 200 whatever it finds; probes use /livez and /readyz.',
      responses: { 200: { description: 'As it was seen just now.', body: healthDetailSchema } },
      handle: async (_input, res) => void res.json(await healthDetail(options)),
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
