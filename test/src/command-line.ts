import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { root } from './processes.ts';

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
  /** Standard output as it came. */
  bytes: Buffer;
}

export interface PipeOptions {
  input?: string;
  env?: Record<string, string>;
}

/** What is typed as soon as the terminal has shown this since the last thing that was typed. */
export type Keystroke = [shown: RegExp, keys: string];

/** The real `musicgen`, in a folder of its own. */
export interface CommandLine {
  folder: string;
  pipe(args: string[], options?: PipeOptions): Promise<Outcome>;
  /** In a pseudo-terminal; both outputs are what it shows. */
  terminal(
    args: string[],
    keystrokes?: Keystroke[],
    env?: Record<string, string>,
  ): Promise<{ code: number | null; shown: string }>;
  remove(): Promise<void>;
}

const entry = join(root, 'apps/cli/dist/main.js');

export async function createCommandLine(url: string): Promise<CommandLine> {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-cli-'));
  const baseEnv = { PATH: process.env.PATH, MUSICGEN_URL: url, TERM: 'xterm-256color' };
  return {
    folder,
    async pipe(args, { input = '', env } = {}) {
      const child = spawn(process.execPath, [entry, ...args], { cwd: folder, env: { ...baseEnv, ...env } });
      child.stdin.end(input);
      const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
      const [bytes, stderr] = await Promise.all([buffer(child.stdout), text(child.stderr)]);
      return { code: await ended, stdout: bytes.toString(), stderr, bytes };
    },
    async terminal(args, keystrokes = [], env = {}) {
      // From util-linux: there is no pseudo-terminal in Node itself.
      const program = [process.execPath, entry, ...args].map(quoted).join(' ');
      const command = `stty rows 30 cols 100; exec ${program}`;
      const child = spawn('script', ['-qec', command, '/dev/null'], {
        cwd: folder,
        env: { ...baseEnv, ...env },
      });
      const left = [...keystrokes];
      let shown = '';
      let typedAt = 0;
      child.stdout.on('data', (chunk: Buffer) => {
        shown += chunk;
        const [expected, keys = ''] = left[0] ?? [];
        if (!expected?.test(shown.slice(typedAt))) return;
        typedAt = shown.length;
        left.shift();
        child.stdin.write(keys);
      });
      const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
      return { code, shown };
    },
    remove: () => rm(folder, { recursive: true }),
  };
}

function quoted(argument: string): string {
  return `'${argument.replaceAll("'", "'\\''")}'`;
}
