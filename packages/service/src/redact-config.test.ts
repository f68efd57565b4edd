import { redactConfig } from './redact-config.ts';

test('secrets are hidden, and everything else is shown as it is', () => {
  expect(
    redactConfig({
      API_KEYS: 'sha256:abc',
      WEBHOOK_SECRET: 'whsec_abc',
      TASK_KEY_PREFIX: 'musicgen',
      API_PORT: 8000,
      WORKER_PRIORITIES: ['HIGH'],
      ENGINE_THREADS: undefined,
      API_TOKEN: undefined,
      keys: [{ hash: 'abc' }],
    }),
  ).toEqual({
    API_KEYS: '***',
    WEBHOOK_SECRET: '***',
    TASK_KEY_PREFIX: 'musicgen',
    API_PORT: 8000,
    WORKER_PRIORITIES: ['HIGH'],
  });
});

test('the credentials in an address are hidden, wherever they stand in it', () => {
  const { REDIS_URL, ARTIFACT_URL, WEBHOOK_PROXY, PLAIN_URL } = redactConfig({
    REDIS_URL: 'rediss://default:p%40ss@redis.example:6380/2',
    ARTIFACT_URL: 's3://bucket/prefix?access_key=abc&secret=def',
    WEBHOOK_PROXY: 'http://user@proxy.example',
    PLAIN_URL: 'file:.musicgen/artifacts',
  });
  expect(REDIS_URL).toBe('rediss://***:***@redis.example:6380/2');
  expect(ARTIFACT_URL).toBe('s3://bucket/prefix?access_key=***&secret=***');
  expect(WEBHOOK_PROXY).toBe('http://***@proxy.example/');
  expect(PLAIN_URL).toBe('file:.musicgen/artifacts');
});

test('nor are they shown in an address of several hosts', () => {
  const url = 'redis-sentinel://user:p%40ss@one:1,two:2/group/0?sentinelPassword=abc';
  expect(redactConfig({ REDIS_URL: url })).toEqual({
    REDIS_URL: 'redis-sentinel://***@one:1,two:2/group/0?sentinelPassword=***',
  });
});
