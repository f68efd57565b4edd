import { ServiceError } from '@musicgen/contract';
import { createKeys } from '../keys.ts';
import { findOlderData } from '../streams/older-data.ts';
import { createStreamsQueue } from '../streams/streams-queue.ts';
import type { SourceTask, TargetRules } from './migrated-task.ts';
import { createRedisSource } from './redis-source.ts';
import { asidePrefix, hasOlderData, setAside } from './set-aside.ts';
import type { RedisPlace, TaskSource } from './task-source.ts';

export interface OpenRedisSourceOptions {
  source: RedisPlace;
  target: RedisPlace;
  batchSize: number;
  rules: TargetRules;
  /** Nothing is written, not even to set aside what is to be migrated in place. */
  dryRun: boolean;
}

/**
 * The tasks of one place that are to go to another. Where both are the same, the tasks of an older service, or of our basic
 * kind, are set aside under `<prefix>:older` first, as their key names collide with ours.
 * @throws ServiceError `invalid_request` when both are the same and nothing of an older layout lies there,
 *   `dependency_unsupported` when the target holds tasks of an older layout that are not the source's, or a process of
 *   the basic kind works on the source.
 */
export async function openRedisSource(options: OpenRedisSourceOptions): Promise<TaskSource> {
  const { source, target, dryRun } = options;
  if (!dryRun) await refuseWhileInUse(source);
  if (await isSamePlace(source, target)) return openInPlace(options);
  const found = dryRun ? await findOlderData(target.redis, target.prefix) : undefined;
  if (found !== undefined) {
    throw new ServiceError(
      'dependency_unsupported',
      `The target holds tasks of another layout under "${target.prefix}" (the key "${found}"); migrate those in place first, or name another database or prefix`,
    );
  }
  return sourceAt(source, options);
}

/** The basic kind keeps its tasks in the process as well: what that process writes next would be lost or double. */
async function refuseWhileInUse({ redis, prefix }: RedisPlace): Promise<void> {
  if ((await redis.exists(createKeys(prefix).process)) === 0) return;
  throw new ServiceError(
    'dependency_unsupported',
    `A process of the basic kind works on the tasks under "${prefix}" of the source, or died less than half a minute ago; stop it first`,
  );
}

async function openInPlace(options: OpenRedisSourceOptions): Promise<TaskSource> {
  const { redis, prefix } = options.target;
  if (!(await hasOlderData(redis, prefix))) {
    throw new ServiceError(
      'invalid_request',
      `Source and target are the same place, and nothing of an older service or of the basic kind is left under "${prefix}" there`,
    );
  }
  const aside = { redis, prefix: asidePrefix(prefix) };
  if (options.dryRun)
    return both(sourceAt(aside, options), sourceAt(options.target, options, { ignoreOwn: true }));
  const stuck = await setAside(redis, prefix);
  if (stuck.length === 0) return sourceAt(aside, options);
  throw new ServiceError(
    'dependency_unsupported',
    `${stuck.length} keys cannot be set aside, as others of the same names are already under "${aside.prefix}", the first "${stuck[0]}": has the older service been started again? Remove one of each pair`,
  );
}

function sourceAt(
  { redis, prefix }: RedisPlace,
  { batchSize, rules }: OpenRedisSourceOptions,
  { ignoreOwn = false } = {},
): TaskSource {
  const mover = createStreamsQueue({ redis, prefix }).createMover();
  return createRedisSource({ redis, prefix, batchSize, rules, mover, ignoreOwn });
}

/** By what the servers say of themselves: one has many addresses. */
async function isSamePlace(one: RedisPlace, other: RedisPlace): Promise<boolean> {
  if (one.prefix !== other.prefix || databaseOf(one) !== databaseOf(other)) return false;
  const [first, second] = await Promise.all([runIdOf(one), runIdOf(other)]);
  return first === second;
}

function databaseOf({ redis }: RedisPlace): number {
  return redis.isCluster ? 0 : ((redis.options as { db?: number }).db ?? 0);
}

async function runIdOf({ redis }: RedisPlace): Promise<string | undefined> {
  return /^run_id:(\w+)/m.exec(await redis.info('server'))?.[1];
}

/** For looking only. */
function both(first: TaskSource, second: TaskSource): TaskSource {
  return {
    async count() {
      return ((await first.count()) ?? 0) + ((await second.count()) ?? 0);
    },
    async *pages(): AsyncGenerator<SourceTask[]> {
      yield* first.pages();
      yield* second.pages();
    },
    async *places() {},
    async *remembered() {},
  };
}
