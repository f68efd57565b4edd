import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { apiConfigSchema } from '@musicgen/api/config';
import { cliConfigSchema } from '@musicgen/cli/config';
import { ConfigError, loadConfig } from '@musicgen/service';
import { workerConfigSchema } from '@musicgen/worker/config';
import { composeSettings } from './compose-settings.ts';

const readers = { api: apiConfigSchema, worker: workerConfigSchema, cli: cliConfigSchema };

/** What no variable may be. */
const wrong = ' \u0001\n';
const everyWrong = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, wrong]));
const namesOf = (schema: { shape: object }) => Object.keys(schema.shape);

test.each(Object.entries(readers))(
  '%s names every wrong variable at once, and what it may be',
  (_, schema) => {
    const names = namesOf(schema);
    try {
      loadConfig(schema, everyWrong(names));
      throw new Error('It was accepted.');
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const named = error.problems.map((problem) => problem.slice(0, problem.indexOf(':')));
      expect([...new Set(named)].sort()).toEqual([...names].sort());
      for (const problem of error.problems)
        expect(problem).toMatch(/: .*(must|expected|allowed|like|no such file)/i);
      expect(error.message).not.toContain('\u0001');
    }
  },
);

test('there is no variable in .env.example but theirs and those of Docker Compose', async () => {
  const example = await readFile(new URL('../../../.env.example', import.meta.url), 'utf8');
  const named = [...example.matchAll(/^([A-Z_\d]+)=/gm)].map(([, name]) => name);
  const known = [...Object.values(readers), composeSettings].flatMap(namesOf);
  expect(named.sort()).toEqual([...new Set(known)].sort());
});

describe.each(['api', 'worker'] as const)('the process %s', (name) => {
  const start = async (env: NodeJS.ProcessEnv) => {
    const entry = new URL(`../../${name}/dist/main.js`, import.meta.url).pathname;
    const child = spawn(process.execPath, [entry], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    return { stderr: await text(child.stderr), code: await ended };
  };

  test('ends with 78 and a line for each', async () => {
    const names = namesOf(readers[name]);
    const { stderr, code } = await start(everyWrong(names));
    expect(code).toBe(78);
    expect(names.filter((variable) => !stderr.includes(`  ${variable}: `))).toEqual([]);
  });

  test('ends with 78 for a bucket without its key, and names what is missing', async () => {
    const { stderr, code } = await start({ ARTIFACT_URL: 's3://music', AWS_ACCESS_KEY_ID: 'AKIA' });
    expect([code, stderr.trim().split('\n').slice(1)]).toEqual([
      78,
      ['  AWS_SECRET_ACCESS_KEY: must be set for an s3: ARTIFACT_URL'],
    ]);
  });
});
