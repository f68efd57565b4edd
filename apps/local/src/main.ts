import { readFile, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { findRedisServer, installRedisServer } from '@musicgen/redis-server';
import { createReleasers, type Releasers } from '@musicgen/service';
import { loadLocalConfig } from './config.ts';
import { runDemo } from './demo.ts';
import { renderExample, renderNames, withReference, withSettingsTable } from './env-example.ts';
import { startLocalService } from './local-service.ts';
import { makeKey } from './make-key.ts';
import { printLog } from './print-log.ts';

const operationsPage = 'docs/operations.md';
const commandsPage = 'docs/cli.md';
const settingNamesFile = 'packages/service/src/setting-names.ts';
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
      return setup(args);
    case 'start':
      return start(args);
    case 'demo':
      return demo(args);
    case 'settings':
      return writeSettings();
    case 'key':
      return makeKey(args).forEach(say);
    default:
      throw new Error(`"${command}" is no command; there are setup, start, demo, settings and key.`);
  }
}

/** What the tests need beyond packages and build: `--with-redis`. */
async function setup(args: string[]): Promise<void> {
  if (args.includes('--with-redis') && (await findRedisServer()) === undefined) await installRedisServer(say);
}

/** Writes what is generated from the configuration schemas; a test fails when it drifts. */
async function writeSettings(): Promise<void> {
  await writeFile('.env.example', renderExample());
  await writeFile(settingNamesFile, renderNames());
  await writeFile(operationsPage, withSettingsTable(await readFile(operationsPage, 'utf8')));
  await writeFile(commandsPage, await withReference(await readFile(commandsPage, 'utf8')));
}

async function start(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { 'in-memory': { type: 'boolean', default: false } } });
  await keepRunning((releasers) => serve(releasers, values['in-memory']));
}

async function serve(releasers: Releasers, inMemory: boolean): Promise<void> {
  const service = await startLocalService({ config: loadLocalConfig(), inMemory, releasers, say });
  service.api.log.on('line', printLog);
  const worker = await service.startWorker();
  if (worker !== service.api) worker.log.on('line', printLog);
  const example = `-H 'Content-Type: application/json' -d '{"prompt": "lofi piano"}'`;
  say(`\nTry      curl -X POST ${service.url}/api/v1/generate ${example}`);
  say('Stop     Ctrl-C\n');
  const { how } = await Promise.race([service.api.ended, worker.ended]);
  throw new Error(how);
}

async function demo(args: string[]): Promise<void> {
  const { keep, own, inMemory } = parseDemoArgs(args);
  await keepRunning(async (releasers) => {
    const config = loadLocalConfig();
    // Any port will do, unless one was asked for or the service is to stay.
    const port = process.env.API_PORT || keep ? config.API_PORT : 0;
    const service = await startLocalService({
      config: { ...config, API_PORT: port },
      inMemory,
      releasers,
      say,
    });
    await runDemo({ service, own, say });
    if (!keep) return;
    say(`\nStill running at ${service.url}; Ctrl-C stops it.`);
    throw new Error((await service.api.ended).how);
  });
}

/** `[--in-memory] [--keep] [prompt] [--duration 12]`; a prompt of the user's own replaces the three. */
function parseDemoArgs(args: string[]) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      keep: { type: 'boolean', default: false },
      duration: { type: 'string' },
      'in-memory': { type: 'boolean', default: false },
    },
  });
  const prompt = positionals.join(' ').trim();
  const duration = Number(values.duration ?? 10);
  if (!(duration >= 1)) throw new Error('--duration takes a number of seconds, 1 or more.');
  if (prompt === '' && values.duration !== undefined) {
    throw new Error('--duration goes with a prompt of your own: npm run demo -- "calm piano" --duration 12');
  }
  const own = prompt === '' ? undefined : { prompt, duration };
  return { keep: values.keep, own, inMemory: values['in-memory'] };
}

/**
 * Runs until the work is done or a signal comes, then closes what was opened, the last first. A second signal ends this
 * process at once; what it started sees that and closes by itself.
 */
async function keepRunning(work: (releasers: Releasers) => Promise<void>): Promise<void> {
  const releasers = createReleasers({ error: (message) => console.error(message) });
  const interrupted = new Promise<void>((resolve) => {
    let signals = 0;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (++signals > 1) process.exit(1);
        resolve();
      });
    }
  });
  try {
    await Promise.race([work(releasers), interrupted]);
  } finally {
    await releasers.releaseAll();
  }
  // Work that a signal overtook may still be waiting for something.
  process.exit();
}
