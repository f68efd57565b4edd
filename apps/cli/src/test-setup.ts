import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);
const entry = fileURLToPath(new URL('../dist/main.js', import.meta.url));

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CommandLine {
  /** A folder of the test's own, with `models/` as MODELS_PATH. */
  folder: string;
  models: string;
  /** Runs the real program in a pipe. */
  run(args: string[], options?: RunOptions): Promise<Outcome>;
  [Symbol.asyncDispose](): Promise<void>;
}

interface RunOptions {
  env?: Record<string, string>;
  /** Is sent Ctrl-C once this resolves. */
  interruptWhen?: Promise<unknown>;
  /** No file may grow beyond so many bytes; for Linux. */
  fileLimit?: number;
}

export async function createCommandLine(env: Record<string, string> = {}): Promise<CommandLine> {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-cli-'));
  const models = join(folder, 'models');
  const settings = { MODELS_PATH: models, MODEL_PATH: fileURLToPath(new URL('models/musicgen-micro', root)) };
  return {
    folder,
    models,
    async run(args, { env: more, interruptWhen, fileLimit } = {}) {
      const limits = fileLimit === undefined ? [] : ['prlimit', `--fsize=${fileLimit}`];
      const [program = '', ...rest] = [...limits, process.execPath, entry, ...args];
      const child = spawn(program, rest, {
        cwd: folder,
        env: { PATH: process.env.PATH, ...settings, ...env, ...more },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      void interruptWhen?.then(() => child.kill('SIGINT'));
      const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
      return { code: await ended, stdout, stderr };
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

/** The files of a tiny checkpoint as a repository on the hub holds them. */
export async function tinyRepository(): Promise<Record<string, Buffer>> {
  const read = (path: string) => readFile(new URL(path, root));
  const checkpoint = [
    'config.json',
    'generation_config.json',
    'preprocessor_config.json',
    'model.safetensors',
  ];
  const files: Record<string, Buffer> = { 'README.md': Buffer.from('---\nlicense: cc-by-nc-4.0\n---\n') };
  for (const file of checkpoint) files[file] = await read(`packages/engine/fixtures/mono/${file}`);
  for (const file of ['tokenizer.json', 'tokenizer_config.json'])
    files[file] = await read(`models/musicgen-tiny/${file}`);
  return files;
}
