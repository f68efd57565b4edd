import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';

/** prom-client's own gauges that end in `_total`, which Prometheus reserves for counters. */
const misnamed = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

/** What runs; `ort` is the version of ONNX Runtime, in a process that computes with it. */
interface Build {
  role: string;
  version: string;
  ort?: string;
}

/**
 * A process's registry: Node's own metrics and `musicgen_build_info`. The revision of the source is what the image was
 * built with as `GIT_REVISION`.
 */
export function createRegistry(build: Build): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of misnamed) registry.removeSingleMetric(name);
  new Gauge({
    name: 'musicgen_build_info',
    help: 'Always 1; the labels say what runs.',
    labelNames: ['role', 'version', 'revision', 'node', 'ort'],
    registers: [registry],
  }).set({ ...build, revision: process.env.GIT_REVISION || 'unknown', node: process.version }, 1);
  return registry;
}
