import { execFile, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** Homebrew's folders are missing from the PATH of processes that no login shell started. */
const usualFolders = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin', '/usr/local/opt/redis/bin'];

const serverNames = ['redis-server', 'valkey-server'];

/** The oldest Redis whose streams the queue can use; Valkey began above it. */
const oldestMajor = 7;

/** The path of an installed `redis-server` (or `valkey-server`) that is new enough, or undefined. */
export async function findRedisServer(): Promise<string | undefined> {
  for (const name of serverNames) {
    const path = await findProgram(name);
    if (path !== undefined && (await majorVersion(path)) >= oldestMajor) return path;
  }
  return undefined;
}

/** From `Redis server v=7.0.15 sha=…`; 0 for a program that does not say so. */
async function majorVersion(path: string): Promise<number> {
  const { stdout } = await promisify(execFile)(path, ['--version']).catch(() => ({ stdout: '' }));
  return Number(/\bv=(\d+)\./.exec(stdout)?.[1] ?? 0);
}

/** Commands that install Redis where that needs no password, each with the program that must be there to try it. */
const installers = [
  {
    program: 'apt-get',
    commands: [
      ['apt-get', 'update'],
      ['apt-get', 'install', '-y', 'redis-server'],
    ],
  },
  { program: 'dnf', commands: [['dnf', 'install', '-y', 'redis']] },
  { program: 'apk', commands: [['apk', 'add', 'redis']] },
  { program: 'pacman', commands: [['pacman', '-Sy', '--noconfirm', 'redis']] },
  { program: 'zypper', commands: [['zypper', '--non-interactive', 'install', 'redis']] },
];

/**
 * Installs Redis with the system's package manager, as root, through a `sudo` that asks for nothing, or with Homebrew.
 * @param say receives one line before anything is installed.
 * @returns the path of the server.
 * @throws Error with one sentence that says what a person can do, where none of these ways is open.
 */
export async function installRedisServer(say: (line: string) => void): Promise<string> {
  for (const { program, commands } of await openWays()) {
    say(`No redis-server here; installing it with ${program}.`);
    try {
      for (const command of commands) await run(command);
    } catch (error) {
      say(String(error));
    }
    const path = await findRedisServer();
    if (path !== undefined) return path;
  }
  throw new Error(
    'No redis-server 7 or newer was found, and none could be installed without a password: install it ' +
      '(https://redis.io/docs/install), or set REDIS_URL to one that runs.',
  );
}

async function openWays(): Promise<typeof installers> {
  if (await findProgram('brew')) return [{ program: 'brew', commands: [['brew', 'install', 'redis']] }];
  const prefix = await rootPrefix();
  if (prefix === undefined) return [];
  const ways: typeof installers = [];
  for (const { program, commands } of installers) {
    if (await findProgram(program)) {
      ways.push({ program, commands: commands.map((command) => [...prefix, ...command]) });
    }
  }
  return ways;
}

/** What to put before a command so that it runs as root without a password; undefined where that is not possible. */
async function rootPrefix(): Promise<string[] | undefined> {
  if (process.getuid?.() === 0) return [];
  const sudoAsksNothing = await run(['sudo', '-n', 'true']).then(
    () => true,
    () => false,
  );
  return sudoAsksNothing ? ['sudo', '-n'] : undefined;
}

async function findProgram(name: string): Promise<string | undefined> {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...usualFolders];
  for (const folder of folders) {
    const path = join(folder, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (folder !== '' && found) return path;
  }
  return undefined;
}

function run([program = '', ...args]: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`\`${[program, ...args].join(' ')}\` ended with exit code ${code}.`));
    });
  });
}
