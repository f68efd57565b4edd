import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Releasers } from '@musicgen/service';
import type { LocalConfig } from './config.ts';
import { chooseRedis } from './redis.ts';
import { type LogLine, type ServiceProcess, startServiceProcess } from './service-process.ts';

/** Everything a run of ours keeps between runs, under the repository. */
const stateFolder = '.musicgen';
const logs = join(stateFolder, 'logs');

export interface LocalService {
  url: string;
  api: ServiceProcess;
  /** Resolves once a worker has loaded its model and claims tasks; to its process, which may be the API's own. */
  startWorker(): Promise<ServiceProcess>;
}

export interface LocalServiceOptions {
  config: LocalConfig;
  /** Keeps tasks in memory: no Redis is looked for, and one process does all. */
  inMemory: boolean;
  releasers: Releasers;
  say: (line: string) => void;
}

/** The service as processes on this machine; what is opened is registered to be closed in reverse. */
export async function startLocalService(options: LocalServiceOptions): Promise<LocalService> {
  await mkdir(logs, { recursive: true });
  const { config, inMemory, say } = options;
  if (inMemory) {
    say('Tasks    in memory; they are gone when this ends');
    return startOneProcess(options, { REDIS_URL: '' });
  }
  const env = { REDIS_URL: await openRedis(options) };
  return config.USE_ADVANCED_REDIS ? startFleet(options, env) : startOneProcess(options, env);
}

type Env = Record<string, string>;

/** Redis Streams and what only they need: an API, and a worker in a process of its own. */
async function startFleet(options: LocalServiceOptions, env: Env): Promise<LocalService> {
  const { config, releasers, say } = options;
  const { api, url } = await startApi(options, { name: 'API', entry: entryOf('api/dist/main.js'), env });
  return {
    url,
    api,
    async startWorker() {
      const logFile = join(logs, 'worker.log');
      const worker = startServiceProcess({
        name: 'worker',
        entry: entryOf('worker/dist/main.js'),
        env: { ...env, WORKER_HEALTH_PORT: String(config.WORKER_HEALTH_PORT) },
        logFile,
      });
      releasers.add('worker', worker.stop);
      await sayReady(worker, logFile, say);
      return worker;
    },
  };
}

/** The API with the worker inside. */
async function startOneProcess(options: LocalServiceOptions, kind: Env): Promise<LocalService> {
  const env = { ...kind, USE_ADVANCED_REDIS: 'false' };
  const entry = entryOf('local/dist/one-process.js');
  const { api, url, logFile } = await startApi(options, { name: 'service', entry, env });
  return {
    url,
    api,
    async startWorker() {
      await sayReady(api, logFile, options.say);
      return api;
    },
  };
}

interface ApiProcess {
  name: string;
  entry: string;
  env: Env;
}

async function startApi({ config, releasers, say }: LocalServiceOptions, { name, entry, env }: ApiProcess) {
  const logFile = join(logs, `${name.toLowerCase()}.log`);
  const api = startServiceProcess({
    name,
    entry,
    env: { ...env, API_PORT: String(config.API_PORT) },
    logFile,
  });
  releasers.add(name, api.stop);
  const { url } = await api.untilLogged('listening');
  await sayingWhyNot(api, () => api.untilLogged('ready'), say);
  say(`API      ${url}`);
  return { api, url: String(url), logFile };
}

/** The URL of a Redis to work with. */
async function openRedis({ config, releasers, say }: LocalServiceOptions): Promise<string> {
  const redis = await chooseRedis({ url: config.REDIS_URL, folder: join(stateFolder, 'redis'), say });
  releasers.add('Redis', redis.stop);
  // The two kinds do not share a database, and a server that nobody named serves runs of both.
  const url = config.USE_ADVANCED_REDIS || config.REDIS_URL ? redis.url : `${redis.url}/1`;
  say(`Redis    ${hidePassword(url)} (${redis.origin})`);
  return url;
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

async function sayReady(worker: ServiceProcess, logFile: string, say: (line: string) => void): Promise<void> {
  const { models } = await untilReady(worker);
  const [{ name, notice } = { name: 'ready', notice: null }] = models as ModelLine[];
  say(`Worker   ${name}, its log in ${logFile}${notice ? `\n         ${notice}` : ''}`);
}

interface ModelLine {
  name: string;
  notice: string | null;
}

/** The worker itself goes on trying to load its model; for a person at a terminal the first failure is the answer. */
function untilReady(worker: ServiceProcess): Promise<LogLine> {
  return new Promise((resolve, reject) => {
    worker.untilLogged('ready', 'worker').then(resolve, reject);
    worker.untilLogged('model not loaded').then(({ detail }) => reject(new Error(String(detail))), reject);
  });
}

function entryOf(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

function hidePassword(url: string): string {
  const parsed = new URL(url);
  if (parsed.password) parsed.password = '***';
  return parsed.href;
}
