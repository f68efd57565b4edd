import {
  loadConfig,
  modelPathSetting,
  modelsPathSetting,
  sharedSettings,
  taskSettings,
} from '@musicgen/service/config';
import { z } from 'zod';

/** The command line's environment. */
export const cliConfigSchema = z.object({
  MUSICGEN_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
    .default('http://127.0.0.1:8000')
    .describe('Where the service is that the command line talks to.'),
  MUSICGEN_API_KEY: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must not contain spaces or line breaks')
    .optional()
    .describe('API key that the command line sends.'),
  TASK_KEY_PREFIX: sharedSettings.TASK_KEY_PREFIX,
  ...taskSettings,
  MODELS_PATH: modelsPathSetting,
  MODEL_PATH: modelPathSetting,
  HF_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be an http:// or https:// URL' })
    .default('https://huggingface.co')
    .describe('Where models are pulled from: the Hugging Face hub or a mirror of it.'),
  HF_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must not contain spaces or line breaks')
    .optional()
    .describe('Token for repositories that need one; it is sent to HF_ENDPOINT only.'),
});

export type CliConfig = z.output<typeof cliConfigSchema>;

export function loadCliConfig(): CliConfig {
  return loadConfig(cliConfigSchema, process.env);
}
