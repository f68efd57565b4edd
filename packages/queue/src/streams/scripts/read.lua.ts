import type { Script } from './script.ts';

/**
 * A task as it stands.
 *
 * ARGV   1 id
 * Returns  {its fields, its content}; no fields for a task that is gone
 */
export const readScript: Script = {
  name: 'read',
  lua: `
return { redis.call('HGETALL', task_key(ARGV[1])), redis.call('GET', content_key(ARGV[1])) }
`,
};
