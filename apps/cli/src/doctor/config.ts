import {
  apiListenSettings,
  loadConfig,
  modelPathSetting,
  modelsPathSetting,
  sharedSettings,
  workerListenSettings,
} from '@musicgen/service';
import { z } from 'zod';

/** Of what API and worker read, the part that can be looked at from outside. */
const doctorConfigSchema = z.object({
  ...sharedSettings,
  ...apiListenSettings,
  ...workerListenSettings,
  MODEL_PATH: modelPathSetting,
  MODELS_PATH: modelsPathSetting,
});

export type DoctorConfig = z.output<typeof doctorConfigSchema>;

/** @throws ConfigError */
export function loadDoctorConfig(env: NodeJS.ProcessEnv): DoctorConfig {
  return loadConfig(doctorConfigSchema, env);
}
