import { createHash } from 'node:crypto';
import { priorityNames, taskStatuses } from '@musicgen/contract';
import { createKeys, returnedConsumer, spellKeys, workersGroup } from '../keys.ts';
import { levelOf } from '../priority-level.ts';
import type { RedisClient } from './redis-client.ts';
import type { Script } from './scripts/script.ts';
import { withFunctions } from './scripts/with-functions.ts';

export interface ScriptRunnerOptions {
  redis: RedisClient;
  prefix: string;
  /** About how many events the lifecycle stream keeps. */
  lifecycleLength: number;
  /** How long the record of an expired task stays. */
  expiredRetentionMs: number;
}

export type ScriptArgument = string | number | Buffer;

/** Runs a script and gives its reply; strings come as strings. */
export type RunScript = (script: Script, args: readonly ScriptArgument[]) => Promise<unknown>;

/** Runs scripts by their digest and sends the whole text only to a server that does not know it yet. */
export function createScriptRunner({ redis, ...constants }: ScriptRunnerOptions): RunScript {
  const routingKey = createKeys(constants.prefix).lifecycle;
  const known = new Map<Script, { text: string; digest: string }>();

  function prepare(script: Script) {
    const text = scriptText(script, constants);
    const prepared = { text, digest: createHash('sha1').update(text).digest('hex') };
    known.set(script, prepared);
    return prepared;
  }

  return async (script, args) => {
    const { text, digest } = known.get(script) ?? prepare(script);
    try {
      return await redis.evalsha(digest, 1, routingKey, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return await redis.eval(text, 1, routingKey, ...args);
    }
  };
}

function scriptText(script: Script, { prefix, ...constants }: Omit<ScriptRunnerOptions, 'redis'>): string {
  const lua = withFunctions(script.lua);
  const declarations = {
    GROUP: `'${workersGroup}'`,
    RETURNED: `'${returnedConsumer}'`,
    LIFECYCLE_LENGTH: `'${constants.lifecycleLength}'`,
    EXPIRED_RETENTION_MS: `'${constants.expiredRetentionMs}'`,
    LEVEL: `{ ${priorityNames.map((name) => `${name} = ${levelOf(name)}`).join(', ')} }`,
    STATUS: `{ ${taskStatuses.map((name, index) => `${name} = ${index}`).join(', ')} }`,
  };
  const named = Object.entries(declarations).filter(([name]) => new RegExp(`\\b${name}\\b`).test(lua));
  return [
    script.whenFull === 'refused' ? '#!lua' : '#!lua flags=allow-oom',
    `-- musicgen queue: ${script.name}`,
    ...named.map(([name, value]) => `local ${name} = ${value}`),
    spellKeys(prefix, lua),
  ].join('\n');
}
