import type { Script } from './script.ts';

/**
 * Removes a consumer from the group of a stream if it holds nothing. XGROUP DELCONSUMER by itself drops what the
 * consumer holds without a word, and no one would ever see those tasks again.
 *
 * ARGV   1 stream · 2 group · 3 consumer
 * Returns  1 removed · 0 it still holds entries
 */
export const removeConsumerScript: Script = {
  name: 'remove_consumer',
  lua: `
local stream, group, consumer = unpack(ARGV)
if #redis.call('XPENDING', stream, group, '-', '+', 1, consumer) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', stream, group, consumer)
return 1
`,
};
