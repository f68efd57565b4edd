import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, createClient, type Task } from '@musicgen/client';
import { type ServiceProcess, startServiceProcess } from '@musicgen/local/service-process';
import { codesKey } from '@musicgen/storage';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface RunningApi {
  url: string;
  client: Client;
  process: ServiceProcess;
}

/** Follows a task to its end, and tells when a first change fulfils the condition. */
export function followUntil(
  { client }: RunningApi,
  id: string,
  isReached: (change: Partial<Task>) => boolean,
) {
  let reach = () => {};
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const finished = client.waitForTask(id, {
    onUpdate: ({ change }) => {
      if (isReached(change)) reach();
    },
  });
  return { reached, finished };
}

export interface Fleet {
  folder: string;
  /** Resolves once it listens; what it needs may still be away. */
  startApi(env?: Record<string, string>): Promise<RunningApi>;
  /** Resolves as soon as the process runs; wait for its `ready` where that matters. */
  startWorker(env?: Record<string, string>): ServiceProcess;
  /** The codes that a finished task has left, for comparing pieces up to a frame. */
  codesOf(task: Task): Promise<Buffer>;
  stop(): Promise<void>;
}

/** Real processes of ours on one Redis, with a store and logs of their own; stopped and removed at the end. */
export async function createFleet(redisUrl: string): Promise<Fleet> {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-fleet-'));
  const started: ServiceProcess[] = [];
  const start = (name: 'api' | 'worker', env: Record<string, string>) => {
    const process = startServiceProcess({
      name,
      entry: join(root, 'apps', name, 'dist', 'main.js'),
      env: { REDIS_URL: redisUrl, ARTIFACT_URL: `file:${join(folder, 'artifacts')}`, ...env },
      logFile: join(folder, `${name}-${started.length}.log`),
    });
    started.push(process);
    return process;
  };
  return {
    folder,
    async startApi(env = {}) {
      const process = start('api', { API_PORT: '0', ...env });
      const { url } = await process.untilLogged('listening');
      return { url: String(url), process, client: createClient({ baseUrl: String(url), maxRetries: 0 }) };
    },
    startWorker: (env = {}) =>
      start('worker', {
        WORKER_HEALTH_PORT: '0',
        MODEL_PATH: join(root, 'models/musicgen-tiny'),
        ENGINE_THREADS: '1',
        ...env,
      }),
    codesOf: ({ id, result }) => readFile(join(folder, 'artifacts', codesKey(id, result?.sha256 ?? ''))),
    async stop() {
      await Promise.all(started.map((process) => process.stop()));
      await rm(folder, { recursive: true });
    },
  };
}
