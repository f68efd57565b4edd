import type { Script } from './script.ts';

/** What the server that keeps the queue says about itself, as INFO does: in a cluster the others matter to nobody here. */
export const serverScript: Script = {
  name: 'server',
  lua: `
return redis.call('INFO')
`,
};
