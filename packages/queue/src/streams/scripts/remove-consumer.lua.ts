import type { Script } from './script.ts';

/**
 * Removes a consumer from a priority's group if it holds nothing. XGROUP DELCONSUMER by itself drops what the
 * consumer holds without a word, and no one would ever see those tasks again.
 *
 * ARGV   1 priority · 2 consumer
 * Returns  1 removed · 0 it still holds entries
 */
export const removeConsumerScript: Script = {
  name: 'remove_consumer',
  lua: `
local stream, consumer = stream_key(ARGV[1]), ARGV[2]
if #redis.call('XPENDING', stream, GROUP, '-', '+', 1, consumer) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', stream, GROUP, consumer)
return 1
`,
};
