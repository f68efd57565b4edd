import { z } from 'zod';
import { ConfigError, integerSetting, loadConfig, sharedSettings } from './config.ts';
import { renderEnvExample, renderSettingsTable } from './env-example.ts';

const schema = z.object({
  API_PORT: integerSetting({ min: 0, max: 65_535, fallback: 8000 }).describe('Where the API listens.'),
  REDIS_URL: sharedSettings.REDIS_URL.describe('Where Redis is.'),
});

test('absent and empty variables take their defaults', () => {
  expect(loadConfig(schema, { API_PORT: '' })).toEqual({
    API_PORT: 8000,
    REDIS_URL: 'redis://127.0.0.1:6379',
  });
});

test('every wrong variable is reported at once, without repeating its value', () => {
  const load = () => loadConfig(schema, { API_PORT: 'eighty', REDIS_URL: 'http://secret@redis' });
  expect(load).toThrow(ConfigError);
  try {
    load();
  } catch (error) {
    expect((error as ConfigError).problems).toEqual([
      'API_PORT: must be a whole number from 0 to 65535',
      expect.stringMatching(/^REDIS_URL: must be redis:.* or redis-cluster:/),
    ]);
  }
});

test.each([
  ['ARTIFACT_URL', 'file:///var/lib/musicgen', true],
  ['ARTIFACT_URL', 'file:relative/folder', true],
  ['ARTIFACT_URL', 'file://data/audio', false],
  ['ARTIFACT_URL', 's3://bucket/prefix', true],
  ['ARTIFACT_URL', 's3:///prefix', false],
  ['ARTIFACT_URL', 's3://bucket/../other', false],
  ['ARTIFACT_URL', 'ftp://host/folder', false],
  ['S3_ENDPOINT', 'http://minio:9000', true],
  ['S3_ENDPOINT', 'minio:9000', false],
  ['TASK_KEY_PREFIX', '{musicgen}', true],
  ['TASK_KEY_PREFIX', "a'b", false],
])('%s may be %s: %s', (name, value, allowed) => {
  const load = () => loadConfig(z.object(sharedSettings), { [name]: value });
  if (allowed) expect(load()).toMatchObject({ [name]: value });
  else expect(load).toThrow(name);
});

test('the example file and the table carry every variable once, with description and default', () => {
  const sections = [
    { reader: 'API', schema },
    { reader: 'worker', schema: schema.pick({ REDIS_URL: true }) },
  ];
  expect(renderEnvExample(sections).match(/^REDIS_URL=/gm)).toHaveLength(1);
  expect(renderEnvExample(sections)).toContain('# Where the API listens.\nAPI_PORT=8000\n');
  expect(renderEnvExample(sections)).toContain('## API and worker\n\n# Where Redis is.');
  expect(renderSettingsTable(sections)).toContain('| `API_PORT` | API | `8000` | Where the API listens. |');
});
