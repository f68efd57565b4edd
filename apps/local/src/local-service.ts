import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Releasers } from '@musicgen/service';
import type { LocalConfig } from './config.ts';
import { chooseRedis } from './redis.ts';
import { type LogLine, type ServiceProcess, startServiceProcess } from './service-process.ts';

/** Everything a run of ours keeps between runs, under the repository. */
const stateFolder = '.musicgen';

export interface LocalService {
  url: string;
  api: ServiceProcess;
  /** Starts a worker; resolves once it has loaded its model and claims tasks. */
  startWorker(): Promise<ServiceProcess>;
}

export interface LocalServiceOptions {
  config: LocalConfig;
  releasers: Releasers;
  say: (line: string) => void;
}

/** Redis and an API as processes on this machine; what is opened is registered to be closed in reverse. */
export async function startLocalService({
  config,
  releasers,
  say,
}: LocalServiceOptions): Promise<LocalService> {
  const logs = join(stateFolder, 'logs');
  await mkdir(logs, { recursive: true });

  const redis = await chooseRedis({ url: config.REDIS_URL, folder: join(stateFolder, 'redis'), say });
  releasers.add('Redis', redis.stop);
  say(`Redis    ${hidePassword(redis.url)} (${redis.origin})`);

  const env = { REDIS_URL: redis.url };
  const api = startServiceProcess({
    name: 'API',
    entry: entryOf('api'),
    env: { ...env, API_PORT: String(config.API_PORT) },
    logFile: join(logs, 'api.log'),
  });
  releasers.add('API', api.stop);
  const { url } = await api.untilLogged('listening');
  await sayingWhyNot(api, () => api.untilLogged('ready'), say);
  say(`API      ${url}`);
  return {
    url: String(url),
    api,
    async startWorker() {
      const logFile = join(logs, 'worker.log');
      const worker = startServiceProcess({
        name: 'worker',
        entry: entryOf('worker'),
        env: { ...env, WORKER_HEALTH_PORT: String(config.WORKER_HEALTH_PORT) },
        logFile,
      });
      releasers.add('worker', worker.stop);
      const { model, notice } = await untilReady(worker);
      say(`Worker   ${model}, its log in ${logFile}${notice ? `\n         ${notice}` : ''}`);
      return worker;
    },
  };
}

/** Waits for something, and shows a person what the process warns of meanwhile: that Redis is away, say. */
async function sayingWhyNot<Value>(
  { log }: ServiceProcess,
  wait: () => Promise<Value>,
  say: (line: string) => void,
): Promise<Value> {
  const show = ({ level, msg, detail }: LogLine) => {
    if (level === 'warn' || level === 'error') say([msg, detail].filter(Boolean).join(': '));
  };
  log.on('line', show);
  return wait().finally(() => log.off('line', show));
}

/** The worker itself goes on trying to load its model; for a person at a terminal the first failure is the answer. */
function untilReady(worker: ServiceProcess): Promise<LogLine> {
  return new Promise((resolve, reject) => {
    worker.untilLogged('ready').then(resolve, reject);
    worker.untilLogged('model not loaded').then(({ detail }) => reject(new Error(String(detail))), reject);
  });
}

function entryOf(app: 'api' | 'worker'): string {
  return fileURLToPath(new URL(`../../${app}/dist/main.js`, import.meta.url));
}

function hidePassword(url: string): string {
  const parsed = new URL(url);
  if (parsed.password) parsed.password = '***';
  return parsed.href;
}
