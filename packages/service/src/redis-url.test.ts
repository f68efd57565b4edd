import { openRedis } from './redis-connection.ts';
import { parseRedisUrl } from './redis-url.ts';

test.each([
  [
    'redis://redis:6380/2',
    { kind: 'server', tls: false, hosts: [{ host: 'redis', port: 6380 }], database: 2 },
  ],
  [
    'rediss://default:p%40ss@[::1]',
    {
      kind: 'server',
      tls: true,
      hosts: [{ host: '::1', port: 6379 }],
      username: 'default',
      password: 'p@ss',
    },
  ],
  [
    'redis-sentinel://:secret@one,two:26380/group/3?sentinelPassword=other',
    {
      kind: 'sentinel',
      hosts: [
        { host: 'one', port: 26_379 },
        { host: 'two', port: 26_380 },
      ],
      group: 'group',
      database: 3,
      password: 'secret',
      sentinelPassword: 'other',
    },
  ],
  [
    'rediss-cluster://one:7000,two:7001',
    {
      kind: 'cluster',
      tls: true,
      hosts: [
        { host: 'one', port: 7000 },
        { host: 'two', port: 7001 },
      ],
    },
  ],
])('%s is read as what it says', (url, address) => {
  expect(parseRedisUrl(url)).toMatchObject(address);
});

test.each([
  ['http://redis', 'another protocol'],
  ['redis://one,two', 'several servers without a word of what joins them'],
  ['redis-sentinel://one,two', 'no group'],
  ['redis-cluster://one,two/3', 'a cluster has one database'],
  ['redis://redis:port', 'no port'],
  ['redis://redis/one', 'no database'],
])('%s is refused: %s', (url) => {
  expect(parseRedisUrl(url)).toBeUndefined();
});

test('a cluster is refused where the prefix would spread the keys of one script over its nodes', () => {
  const settings = { REDIS_URL: 'redis-cluster://one', TASK_KEY_PREFIX: 'musicgen' };
  expect(() => openRedis(settings, {})).toThrow(/TASK_KEY_PREFIX.*\{musicgen\}/);
});
