import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findRedisServer } from './find-redis-server.ts';
import { freePort } from './free-port.ts';

export interface Sentinel {
  port: number;
  /** Resolves when its log has held these words. */
  untilSaid(words: string): Promise<void>;
  stop(): Promise<void>;
}

export interface SentinelOptions {
  /** What it calls the master. */
  group: string;
  masterPort: number;
  /** How long a master may keep silent before its replica is promoted. */
  downAfterMs: number;
}

/** Starts a Sentinel that may promote a replica alone. Resolves once it knows one: only such a one can it promote. */
export async function startSentinel({ group, masterPort, downAfterMs }: SentinelOptions): Promise<Sentinel> {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-sentinel-'));
  const port = await freePort();
  const config = join(folder, 'sentinel.conf');
  await writeFile(
    config,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${folder}`,
      `sentinel monitor ${group} 127.0.0.1 ${masterPort} 1`,
      `sentinel down-after-milliseconds ${group} ${downAfterMs}`,
      `sentinel failover-timeout ${group} 5000`,
    ].join('\n'),
  );
  const child = spawn((await findRedisServer()) ?? '', [config, '--sentinel'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines: string[] = [];
  const listeners = new Set<() => void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    for (const listener of listeners) listener();
  });
  const untilSaid = (words: string) =>
    new Promise<void>((resolve) => {
      const look = () => lines.some((line) => line.includes(words)) && resolve();
      listeners.add(look);
      look();
    });
  await untilSaid('+slave');
  return {
    port,
    untilSaid,
    async stop() {
      child.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
