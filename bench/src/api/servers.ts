import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** One HTTP server in a process of its own. */
export interface ServerProcess {
  port: number;
  /** A figure of its `/metrics`, without labels. */
  metric(name: string): Promise<number>;
  stop(): Promise<void>;
}

/** The API as it is started in a container, its log written to nowhere but written. */
export async function startApi(redisUrl: string, env: Record<string, string> = {}): Promise<ServerProcess> {
  const port = await freePort();
  const child = spawn(process.execPath, [pathOf('../../../apps/api/dist/main.js')], {
    env: {
      ...process.env,
      REDIS_URL: redisUrl,
      API_PORT: String(port),
      API_METRICS_OPEN: 'true',
      QUEUE_MAX_LENGTH: '10000000',
      ARTIFACT_URL: 'file:.musicgen/bench-api',
      ...env,
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  while (!(await isReady(port))) {
    if (child.exitCode !== null) throw new Error(`The API ended with code ${child.exitCode}.`);
    await delay(50);
  }
  return serverProcess(child, port);
}

/** Express and one Redis command. */
export async function startBareServer(redisUrl: string): Promise<ServerProcess> {
  const child = fork(pathOf('./bare-server.js'), { env: { ...process.env, REDIS_URL: redisUrl } });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  return serverProcess(child, port);
}

function serverProcess(child: ChildProcess, port: number): ServerProcess {
  return {
    port,
    async metric(name) {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      const [, value] = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text) ?? [];
      return Number(value);
    },
    async stop() {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function pathOf(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function isReady(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  );
}
