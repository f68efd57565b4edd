import { readFile } from 'node:fs/promises';
import { renderExample, renderNames, withReference, withSettingsTable } from './env-example.ts';

const read = (path: string) => readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');

// `node apps/local/bootstrap.js settings` writes all of them.
test('.env.example, the list of names and the table of settings are what the configuration schemas say', async () => {
  expect(await read('.env.example')).toBe(renderExample());
  expect(await read('packages/service/src/setting-names.ts')).toBe(renderNames());
  const page = await read('docs/operations.md');
  expect(page).toBe(withSettingsTable(page));
  expect(page).toContain('| `WORKER_PRIORITIES` |');
});

test('the page of the command line is what its commands say', async () => {
  const page = await read('docs/cli.md');
  expect(page).toBe(await withReference(page));
  expect(page).toContain('musicgen queue pause low');
});
