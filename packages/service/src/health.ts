import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { problemOf } from '@musicgen/contract';
import express, { type Response, Router } from 'express';
import type { Registry } from 'prom-client';

export interface HealthOptions {
  /** Why the process cannot do its work right now, in sentences; empty when it can. */
  notReadyBecause: () => Promise<string[]> | string[];
  registry: Registry;
}

/** What answers `/livez` (this process turns), `/readyz` (it can do its work) and `/metrics`. */
export function healthHandlers({ notReadyBecause, registry }: HealthOptions) {
  return {
    livez: (res: Response) => void res.json({ status: 'ok' }),
    async readyz(res: Response) {
      const reasons = await notReadyBecause();
      if (reasons.length === 0) return void res.json({ status: 'ready' });
      const problem = problemOf('dependency_unavailable', reasons.join(' '));
      res.status(problem.status).set('Retry-After', '5').type('application/problem+json').json(problem);
    },
    async metrics(res: Response) {
      res.type(registry.contentType).send(await registry.metrics());
    },
  };
}

function healthRouter(options: HealthOptions): Router {
  const { livez, readyz, metrics } = healthHandlers(options);
  return Router()
    .get('/livez', (_req, res) => livez(res))
    .get('/readyz', (_req, res) => readyz(res))
    .get('/metrics', (_req, res) => metrics(res));
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
