import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { createReleasers, type Releasers } from '@musicgen/service';
import { runDemo } from './demo.ts';
import { renderExample, withSettingsTable } from './env-example.ts';
import { startLocalService } from './local-service.ts';
import { printLog } from './print-log.ts';

const defaultPort = 8000;
const operationsPage = 'docs/operations.md';
const say = (line: string) => console.log(line);

/** What `bootstrap.js` calls once everything is installed and built. */
export async function main(command: string, args: string[]): Promise<void> {
  try {
    await run(command, args);
  } catch (error) {
    console.error(`\n${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  }
}

async function run(command: string, args: string[]): Promise<void> {
  switch (command) {
    case 'setup':
      return;
    case 'start':
      return keepRunning(start);
    case 'demo':
      return demo(args);
    case 'settings':
      return writeSettings();
    default:
      throw new Error(`"${command}" is no command; there are setup, start, demo and settings.`);
  }
}

/** Writes what is generated from the configuration schemas; a test fails when it drifts. */
async function writeSettings(): Promise<void> {
  await writeFile('.env.example', renderExample());
  await writeFile(operationsPage, withSettingsTable(await readFile(operationsPage, 'utf8')));
}

async function start(releasers: Releasers): Promise<void> {
  const service = await startLocalService({
    port: Number(process.env.API_PORT ?? defaultPort),
    releasers,
    say,
  });
  service.api.log.on('line', printLog);
  const worker = await service.startWorker();
  worker.log.on('line', printLog);
  say(
    `\nTry      curl -X POST ${service.url}/api/v1/generate -H 'Content-Type: application/json' -d '{"prompt": "lofi piano"}'`,
  );
  say('Stop     Ctrl-C\n');
  await Promise.race([service.api.ended, worker.ended]);
}

async function demo(args: string[]): Promise<void> {
  const { keep, own } = parseDemoArgs(args);
  const show = async (releasers: Releasers) => {
    const service = await startLocalService({ port: Number(process.env.API_PORT ?? 0), releasers, say });
    await runDemo({ service, own, say });
    if (!keep) return;
    say(`\nStill running at ${service.url}; Ctrl-C stops it.`);
    await service.api.ended;
  };
  await keepRunning(show);
}

/** `[--keep] [prompt] [--duration 12]`; a prompt of the user's own replaces the three. */
function parseDemoArgs(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { keep: { type: 'boolean', default: false }, duration: { type: 'string', default: '10' } },
  });
  const prompt = positionals.join(' ').trim();
  const duration = Number(values.duration);
  if (!(duration >= 1)) throw new Error('--duration takes a number of seconds, 1 or more.');
  return { keep: values.keep, own: prompt === '' ? undefined : { prompt, duration } };
}

/** Runs until the work is done or a signal comes, then closes what was opened, the last first. */
async function keepRunning(work: (releasers: Releasers) => Promise<void>): Promise<void> {
  const releasers = createReleasers({ error: (message) => console.error(message) });
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  try {
    await Promise.race([work(releasers), interrupted]);
  } finally {
    await releasers.releaseAll();
  }
}
