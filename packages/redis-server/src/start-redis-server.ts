import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findRedisServer } from './find-redis-server.ts';
import { freePort } from './free-port.ts';

export interface RedisServerOptions {
  /** Where it keeps its data. Absent: a temporary folder that `stop` removes. */
  folder?: string;
  /** Absent: any free one. */
  port?: number;
  /** Absent: the installed one. */
  program?: string;
  /** Further settings, as in redis.conf: `{ maxmemory: '10mb' }`. */
  settings?: Record<string, string>;
}

/** A private server on a loopback port that lives as long as its owner wants it to. */
export interface RedisServer {
  url: string;
  port: number;
  pid: number;
  process: ChildProcess;
  /** Shuts it down, saving its data where it has a folder of its own. */
  stop(): Promise<void>;
}

/** As `deploy/redis.conf` sets it up: appends every write to a file and evicts nothing, because a queue may lose neither. */
const asDeployed = {
  appendonly: 'yes',
  appendfsync: 'everysec',
  save: '',
  'maxmemory-policy': 'noeviction',
  'stream-node-max-entries': '16',
};

/**
 * Starts a private `redis-server` on loopback and resolves once it accepts connections.
 * @throws Error when none is installed, or with the server's own last words when it does not start.
 */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const program = options.program ?? (await findRedisServer());
  if (program === undefined) throw new Error('No redis-server was found: install Redis 7.0 or newer.');
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'musicgen-redis-')));
  await mkdir(folder, { recursive: true });
  const { child, port } = await startProgram({ ...options, program, folder });

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: child.pid ?? 0,
    process: child,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        await once(child, 'exit');
      }
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

interface Program extends RedisServerOptions {
  program: string;
  folder: string;
}

async function startProgram(options: Program): Promise<{ child: ChildProcess; port: number }> {
  const { program, folder } = options;
  const port = options.port ?? (await freePort());
  const settings = { ...asDeployed, ...options.settings, port: String(port), bind: '127.0.0.1', dir: folder };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  // Its own process group: a Ctrl-C at the terminal must not take Redis away before those who use it have drained.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  try {
    await untilReady(child);
    return { child, port };
  } catch (error) {
    // Somebody else took the port meanwhile.
    const wasTaken = String(error).includes(`Failed listening on port ${port} `);
    if (options.port === undefined && wasTaken) return startProgram(options);
    throw error;
  }
}

function untilReady(child: ChildProcess): Promise<void> {
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    // Not `exit`: its last words may still be on their way then.
    child.once('close', () => reject(new Error(`redis-server did not start: ${lines.join(' | ')}`)));
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (line) => {
        if (line.trim() !== '' && lines.length < 8) lines.push(line.trim());
        if (/ready to accept connections/i.test(line)) resolve();
      });
    }
  });
}
