import { totalmem } from 'node:os';
import { parsePriority, priorityNames } from '@musicgen/contract';
import { type ExecutionProvider, executionProviders } from '@musicgen/engine';
import {
  integerSetting,
  loadConfig,
  modelPathSetting,
  modelsPathSetting,
  sharedSettings,
  withBucketKey,
  workerListenSettings,
} from '@musicgen/service';
import { z } from 'zod';

const prioritiesSetting = z
  .string()
  .default(priorityNames.join(','))
  .transform((text, context) => {
    const parsed = text.split(',').map(parsePriority);
    const names = parsed.filter((priority) => priority !== undefined);
    if (names.length === parsed.length) return names;
    context.addIssue({
      code: 'custom',
      message: `must be a comma-separated list of ${priorityNames.join(', ')}`,
    });
    return z.NEVER;
  });

const providersSetting = z
  .string()
  .default('cpu')
  .transform((text, context) => {
    const names = text.split(',').map((name) => name.trim().toLowerCase());
    const known = executionProviders.filter((provider) => names.includes(provider));
    if (known.length === new Set(names).size) return names as ExecutionProvider[];
    const message = `must be a comma-separated list of ${executionProviders.join(', ')}`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });

/** Of the machine's memory, or of what the container may use of it, when nothing is said: the rest is for the system. */
const engineShare = 0.75;

function machineMemoryMb(): number {
  return Math.floor(Math.min(totalmem(), process.constrainedMemory() || totalmem()) / 2 ** 20);
}

const mostBatch = 64;

const batchSetting = z
  .string()
  .default('auto')
  .transform((text, context) => {
    if (text === 'auto') return undefined;
    const pieces = Number(text);
    if (Number.isInteger(pieces) && pieces >= 1 && pieces <= mostBatch) return pieces;
    context.addIssue({ code: 'custom', message: `must be auto or a whole number from 1 to ${mostBatch}` });
    return z.NEVER;
  });

/** The worker's environment. */
export const workerConfigSchema = z.object({
  ...sharedSettings,
  QUEUE_AGEING_SECONDS: integerSetting({ min: 0, max: 604_800, fallback: 600 }).describe(
    'A queue whose oldest task has waited n times this long counts n priorities better, so that nothing starves; 0 turns it off.',
  ),
  WORKER_PRIORITIES: prioritiesSetting.describe(
    'Which queues this worker serves; it takes the best waiting task.',
  ),
  WORKER_SHUTDOWN_GRACE_SECONDS: integerSetting({ min: 0, max: 3600, fallback: 30 }).describe(
    'After SIGTERM, how long running tasks may go on; what does not fit is handed back to its queue.',
  ),
  ...workerListenSettings,
  MODEL_PATH: modelPathSetting,
  MODELS_PATH: modelsPathSetting,
  ENGINE_MEMORY_MB: integerSetting({ min: 0, max: 16_777_216, fallback: 0 })
    .transform((megabytes) => (megabytes === 0 ? Math.floor(machineMemoryMb() * engineShare) : megabytes))
    .describe(
      'What the models may take of memory together; the least recently used one makes room. 0: three quarters of what the machine or container has.',
    ),
  ORT_EXECUTION_PROVIDERS: providersSetting.describe(
    'What ONNX Runtime computes with, in order of preference: cpu, cuda, tensorrt, webgpu, coreml, dml. The CPU takes over only where cpu is in the list.',
  ),
  ENGINE_MAX_BATCH: batchSetting.describe(
    'Tasks a worker works on at once, as one batch (with guidance each takes two rows); auto measures when the model is loaded what the machine gains, which is nothing in the standard layout.',
  ),
  ENGINE_THREADS: integerSetting({ min: 0, max: 256, fallback: 0 })
    .transform((threads) => (threads === 0 ? undefined : threads))
    .describe('Threads ONNX Runtime computes with; 0 lets the engine choose by the size of the model.'),
});

export type WorkerConfig = z.output<typeof workerConfigSchema>;

/** @throws ConfigError */
export function loadWorkerConfig(env: NodeJS.ProcessEnv = process.env): WorkerConfig {
  return withBucketKey(loadConfig(workerConfigSchema, env));
}
