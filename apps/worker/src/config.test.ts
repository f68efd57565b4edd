import { totalmem } from 'node:os';
import { loadWorkerConfig } from './config.ts';

test('the engine computes on the CPU, with most of the memory and as many tasks as it gains by, when nothing is said', () => {
  const config = loadWorkerConfig({});
  expect(config).toMatchObject({
    ORT_EXECUTION_PROVIDERS: ['cpu'],
    ENGINE_MAX_BATCH: undefined,
    ENGINE_THREADS: undefined,
  });
  const machine = Math.min(totalmem(), process.constrainedMemory() || totalmem()) / 2 ** 20;
  expect(config.ENGINE_MEMORY_MB / machine).toBeCloseTo(0.75, 2);
});

test('the engine is told what to compute with, in order, and what it may take', () => {
  const env = {
    ORT_EXECUTION_PROVIDERS: 'CUDA, webgpu,cpu',
    ENGINE_MEMORY_MB: '2048',
    ENGINE_MAX_BATCH: '6',
    ENGINE_THREADS: '3',
  };
  expect(loadWorkerConfig(env)).toMatchObject({
    ORT_EXECUTION_PROVIDERS: ['cuda', 'webgpu', 'cpu'],
    ENGINE_MEMORY_MB: 2048,
    ENGINE_MAX_BATCH: 6,
    ENGINE_THREADS: 3,
  });
});

test.each([
  [
    'ORT_EXECUTION_PROVIDERS',
    'cuda,gpu',
    'a comma-separated list of cpu, cuda, tensorrt, webgpu, coreml, dml',
  ],
  ['ENGINE_MAX_BATCH', '0', 'auto or a whole number from 1 to 64'],
  ['ENGINE_MAX_BATCH', 'many', 'auto or a whole number from 1 to 64'],
  ['ENGINE_MEMORY_MB', '-1', 'a whole number from 0 to 16777216'],
  ['WORKER_PRIORITIES', 'HIGH,SOON', 'a comma-separated list of CRITICAL'],
])('%s=%s is refused by name, with what it may be', (name, value, allowed) => {
  const load = () => loadWorkerConfig({ [name]: value });
  expect(load).toThrow(name);
  expect(load).toThrow(allowed);
});
