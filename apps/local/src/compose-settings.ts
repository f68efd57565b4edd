import { z } from 'zod';

/** What `docker-compose.scale.yml` itself reads from `.env`; the processes know nothing of it. */
export const composeSettings = z.object({
  API_PUBLISH: z
    .string()
    .default('127.0.0.1:8000')
    .describe('Where the API is reached from outside the containers: address and port of the host.'),
  PROMETHEUS_PUBLISH: z.string().default('127.0.0.1:9091').describe('The same for Prometheus.'),
  GRAFANA_PUBLISH: z.string().default('127.0.0.1:3000').describe('The same for Grafana.'),
  GRAFANA_PASSWORD: z
    .string()
    .default('musicgen')
    .describe('Password of the user admin in Grafana, from its first start on.'),
  WORKER_CPUS: z.string().default('2').describe('Processors that one worker container may use.'),
  WORKER_MEMORY: z.string().default('4g').describe('Memory that one worker container may use.'),
});
