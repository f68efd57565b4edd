import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { problemOf } from '@musicgen/contract';
import express, { Router } from 'express';
import type { Registry } from 'prom-client';

export interface HealthOptions {
  /** Why the process cannot do its work right now, in sentences; empty when it can. */
  notReadyBecause: () => Promise<string[]> | string[];
  registry: Registry;
}

/** `/livez` (this process turns), `/readyz` (it can do its work) and `/metrics`. */
export function healthRouter({ notReadyBecause, registry }: HealthOptions): Router {
  const router = Router();
  router.get('/livez', (_req, res) => {
    res.json({ status: 'ok' });
  });
  router.get('/readyz', async (_req, res) => {
    const reasons = await notReadyBecause();
    if (reasons.length === 0) return void res.json({ status: 'ready' });
    const problem = problemOf('dependency_unavailable', reasons.join(' '));
    res.status(problem.status).set('Retry-After', '5').type('application/problem+json').json(problem);
  });
  router.get('/metrics', async (_req, res) => {
    res.type(registry.contentType).send(await registry.metrics());
  });
  return router;
}

/** A process's own small HTTP server for probes and Prometheus, for those that serve nothing else. */
export async function startHealthServer(options: HealthOptions & { host: string; port: number }) {
  const server = express()
    .disable('x-powered-by')
    .use(healthRouter(options))
    .listen(options.port, options.host);
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
