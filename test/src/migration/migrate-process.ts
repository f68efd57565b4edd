/**
 * A migration to be killed: `node migrate-process.js <source> <target> [commands]`, both Redis URLs. Kills itself when it has
 * sent so many commands, before it knows their answers; else prints how many there were.
 */
import { Redis } from 'ioredis';
import { migrateOlderTasks } from './migrate-older-tasks.ts';

const [source = '', target = '', last = 'Infinity'] = process.argv.slice(2);
let sent = 0;

function connect(url: string): Redis {
  const redis = new Redis(url);
  const { sendCommand } = redis;
  redis.sendCommand = (...command) => {
    const answer = sendCommand.apply(redis, command);
    sent += 1;
    if (sent === Number(last)) process.kill(process.pid, 'SIGKILL');
    return answer;
  };
  return redis;
}

const from = connect(source);
const to = connect(target);
// A few at a time, and nothing verified, which only reads: every kill falls into the middle of what writes.
await migrateOlderTasks(from, to, { verify: false, batchSize: 4 });
from.disconnect();
to.disconnect();
console.log(sent);
