import { createReadStream } from 'node:fs';
import { access } from 'node:fs/promises';
import { createClient } from '@musicgen/client';
import { ServiceError } from '@musicgen/contract';
import {
  createLineSource,
  createStreamsQueue,
  type MigrationReport,
  migrateTasks,
  openRedisSource,
  type RedisPlace,
  type TargetRules,
  type TaskSource,
} from '@musicgen/queue';
import type { Context } from '../context.ts';
import { connect } from './connect.ts';
import type { MigrateOptions } from './migrate.ts';
import { type Place, parseSource, parseTarget } from './place.ts';
import { createStepProgress } from './step-progress.ts';
import { describeReport, jsonReport, problemSummary } from './write-report.ts';

/** @throws ServiceError; `corrupt_record` when tasks were skipped or are not in the target as they should be. */
export async function runMigration(context: Context, options: MigrateOptions): Promise<void> {
  const from = parseSource(options.source, context.resolvePath);
  const to = parseTarget(options.target);
  if (options.cleanupSource && from.kind !== 'redis') {
    throw new ServiceError('invalid_request', `--cleanup-source: nothing can be removed from ${from.shown}`);
  }
  const opened: RedisPlace[] = [];
  try {
    const report = await migrate({ context, options, from, to, opened });
    const run = { source: from.shown, target: to.shown, dryRun: options.dryRun ?? false };
    context.print(options.json ? jsonReport(report, run) : describeReport(report, run));
    const left = problemSummary(report);
    if (left !== undefined) throw new ServiceError('corrupt_record', left);
  } finally {
    for (const { redis } of opened) redis.disconnect();
  }
}

interface Run {
  context: Context;
  options: MigrateOptions;
  from: Place;
  to: Extract<Place, { kind: 'redis' }>;
  /** What is to be closed in the end. */
  opened: RedisPlace[];
}

async function migrate(run: Run): Promise<MigrationReport> {
  const { context, options, to } = run;
  const { dryRun = false, verify = false, cleanupSource: cleanUp = false } = options;
  const target = await openPlace(run, 'target', to, options.targetPrefix ?? context.config().TASK_KEY_PREFIX);
  const source = await openSource(run, target);
  const queue = createStreamsQueue(target);
  queue.events.on('redis:warning', ({ message }) => context.tell(message));
  if (!dryRun) await queue.prepare();
  const progress = createStepProgress(context.terminal);
  try {
    return await migrateTasks({
      source,
      target: queue,
      dryRun,
      verify,
      cleanUp,
      signal: context.signal,
      onProgress: progress.update,
      onProblem: ({ name, reason, detail }) => progress.tell(`${name}: ${detail} (${reason})`),
    });
  } finally {
    progress.close();
  }
}

async function openPlace(
  run: Run,
  role: string,
  { url, shown }: Run['to'],
  prefix: string,
): Promise<RedisPlace> {
  const redis = await connect({ role, url, shown, prefix });
  const place = { redis, prefix };
  run.opened.push(place);
  return place;
}

async function openSource(run: Run, target: RedisPlace): Promise<TaskSource> {
  const { context, options, from } = run;
  const { batchSize, dryRun = false } = options;
  const rules = await targetRules(context, target);
  switch (from.kind) {
    case 'redis': {
      const source = await openPlace(run, 'source', from, options.sourcePrefix ?? 'musicgen');
      return openRedisSource({ source, target, batchSize, rules, dryRun });
    }
    case 'process':
      await checkProcess(context, from.url);
      return createLineSource({ open: () => exported(context, from.url), batchSize, rules });
    case 'file':
      await access(from.path).catch(() => {
        throw new ServiceError('not_found', `The source ${from.shown} cannot be read`);
      });
      return createLineSource({ open: () => createReadStream(from.path), batchSize, rules });
    default:
      return from satisfies never;
  }
}

/** Before anything is written to the target. @throws ServiceError when it is away or refuses the key. */
async function checkProcess(context: Context, url: string): Promise<void> {
  const lines = exported(context, url);
  await lines.next();
  await lines.return(undefined);
}

async function* exported(context: Context, url: string): AsyncGenerator<Buffer> {
  const client = createClient({ baseUrl: url, apiKey: context.apiKey(), maxRetries: 3 });
  for await (const line of client.exportTasks({ signal: context.signal }))
    yield Buffer.from(`${JSON.stringify(line)}\n`);
}

/** Times to live are measured by the target's clock. */
async function targetRules(context: Context, { redis }: RedisPlace): Promise<TargetRules> {
  const { TASK_MAX_RETRIES, TASK_DEFAULT_TTL, MAX_DURATION_SECONDS } = context.config();
  const [seconds, microseconds] = await redis.time();
  const ahead = Number(seconds) * 1000 + Number(microseconds) / 1000 - Date.now();
  return {
    now: () => Date.now() + ahead,
    maxAttempts: 1 + TASK_MAX_RETRIES,
    ttlSeconds: TASK_DEFAULT_TTL,
    maxDurationSeconds: MAX_DURATION_SECONDS,
  };
}
