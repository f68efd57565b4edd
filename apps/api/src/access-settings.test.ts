import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '@musicgen/service';
import { trustedProxies } from './access-settings.ts';
import { loadApiConfig } from './config.ts';

const hash = 'a'.repeat(64);

test('without keys the API listens on loopback or says why it does not', () => {
  expect(loadApiConfig({}).keys).toBeUndefined();
  expect(loadApiConfig({ API_HOST: '::1' }).keys).toBeUndefined();
  expect(() => loadApiConfig({ API_HOST: '0.0.0.0' })).toThrow(/API_KEYS.*API_ALLOW_OPEN/);
  expect(loadApiConfig({ API_HOST: '0.0.0.0', API_ALLOW_OPEN: 'true' }).keys).toBeUndefined();
  expect(loadApiConfig({ API_HOST: '0.0.0.0', API_KEYS: `ops:admin:${hash}` }).keys).toHaveLength(1);
});

test('keys come from the environment and from a file', async () => {
  const file = join(tmpdir(), `keys-${process.pid}`);
  await writeFile(file, `# people\nstudio:generate:${'b'.repeat(64)}\n`);
  const { keys } = loadApiConfig({ API_KEYS: `ops:admin:${hash}`, API_KEYS_FILE: file });
  expect(keys?.map(({ name }) => name)).toEqual(['ops', 'studio']);
});

test.each([
  ['API_KEYS', 'ops:admin:mgk_secret'],
  ['API_KEYS', '   '],
  ['API_KEYS_FILE', '/nowhere/keys'],
  ['API_CORS_ORIGINS', 'https://a.example/path'],
  ['API_TRUST_PROXY', 'everybody'],
  ['API_RATE_LIMIT', '-1'],
  ['WEBHOOK_SECRET', 'secret'],
  ['WEBHOOK_ALLOWED_NETWORKS', '10.0.0.0/8,home'],
  ['WEBHOOK_ALLOW_HTTP', 'yes'],
])('%s cannot be "%s", and the message repeats no secret', (name, value) => {
  const load = () => loadApiConfig({ [name]: value });
  expect(load).toThrow(ConfigError);
  expect(load).toThrow(name);
  expect(load).not.toThrow(/mgk_secret|: secret/);
});

test('proxies are counted or named', () => {
  expect(trustedProxies(undefined)).toBe(false);
  expect(trustedProxies('2')).toBe(2);
  expect(trustedProxies('10.0.0.0/8, ::1')).toEqual(['10.0.0.0/8', '::1']);
});
