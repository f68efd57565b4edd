#!/usr/bin/env node
// Under the name that the older guide gave it: `node scripts/migrate_tasks_to_redis.ts --source … --target …` is
// `npm run migrate -- --source … --target …`, on a fresh clone too. It holds no types and lies in a folder of CommonJS, so
// that Node 20, which strips no types, runs it as it is.
process.argv.splice(2, 0, 'musicgen', 'migrate');
import('../apps/local/bootstrap.js').catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
