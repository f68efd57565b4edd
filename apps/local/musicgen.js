#!/usr/bin/env node
// What `npx musicgen` runs, on a fresh clone too.
process.argv.splice(2, 0, 'musicgen');
await import('./bootstrap.js');
