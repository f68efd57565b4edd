import { type ApiConfig, loadApiConfig } from '@musicgen/api/config';
import { ConfigError } from '@musicgen/service';
import { loadWorkerConfig, type WorkerConfig } from '@musicgen/worker/config';

/** The settings of an API and a worker in one process. */
export type OneProcessConfig = Omit<ApiConfig & WorkerConfig, 'REDIS_URL' | 'ARTIFACT_URL'> & {
  /** Absent: tasks are kept nowhere. */
  REDIS_URL: string | undefined;
  /** Absent, where tasks are kept nowhere: audio goes with them. */
  ARTIFACT_URL: string | undefined;
};

/** @throws ConfigError with the problems of both. */
export function loadOneProcessConfig(env: NodeJS.ProcessEnv = process.env): OneProcessConfig {
  const [api, worker] = [settle(() => loadApiConfig(env)), settle(() => loadWorkerConfig(env))];
  if ('problems' in api || 'problems' in worker) {
    throw new ConfigError([...new Set([...problemsOf(api), ...problemsOf(worker)])]);
  }
  const merged = { ...worker.config, ...api.config, USE_ADVANCED_REDIS: false };
  const REDIS_URL = env.REDIS_URL ? merged.REDIS_URL : undefined;
  const keepsNothing = REDIS_URL === undefined && !env.ARTIFACT_URL;
  return { ...merged, REDIS_URL, ARTIFACT_URL: keepsNothing ? undefined : merged.ARTIFACT_URL };
}

type Settled<Config> = { config: Config } | { problems: string[] };

function settle<Config>(load: () => Config): Settled<Config> {
  try {
    return { config: load() };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems };
    throw error;
  }
}

function problemsOf(settled: Settled<unknown>): string[] {
  return 'problems' in settled ? settled.problems : [];
}
