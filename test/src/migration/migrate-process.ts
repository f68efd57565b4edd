/** A migration to be killed: `node migrate-process.js <source> <target>`, both Redis URLs. */
import { Redis } from 'ioredis';
import { migrateOlderTasks } from './migrate-older-tasks.ts';

const [source = '', target = ''] = process.argv.slice(2);
const from = new Redis(source);
const to = new Redis(target);
await migrateOlderTasks(from, to);
from.disconnect();
to.disconnect();
