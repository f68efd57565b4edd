import { parsePriority, priorityNames } from '@musicgen/contract';
import { integerSetting, loadConfig, portSetting, sharedSettings } from '@musicgen/service';
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
  WORKER_HEALTH_HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address of the health and metrics port.'),
  WORKER_HEALTH_PORT: portSetting(9090).describe(
    'Port for /livez, /readyz and /metrics; 0 lets the system choose.',
  ),
  MODEL_PATH: z
    .string()
    .min(1)
    .default('models/musicgen-micro')
    .describe('Model folder: a Hugging Face MusicGen repository with its ONNX export.'),
  ENGINE_THREADS: integerSetting({ min: 0, max: 256, fallback: 0 })
    .transform((threads) => (threads === 0 ? undefined : threads))
    .describe('Threads ONNX Runtime computes with; 0 lets the engine choose by the size of the model.'),
});

export type WorkerConfig = z.output<typeof workerConfigSchema>;

export function loadWorkerConfig(): WorkerConfig {
  return loadConfig(workerConfigSchema, process.env);
}
