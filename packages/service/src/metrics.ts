import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** prom-client's own gauges that end in `_total`, which Prometheus reserves for counters. */
const misnamed = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** A process's registry: Node's own metrics and `musicgen_build_info`. */
export function createRegistry(build: { role: string; version: string }): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of misnamed) registry.removeSingleMetric(name);
  new Gauge({
    name: 'musicgen_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['role', 'version', 'node'],
    registers: [registry],
  }).set({ ...build, node: process.version }, 1);
  return registry;
}
