import { factsFromInfo } from './server-check.ts';
import { useTestServer } from './test-setup.ts';

const setup = useTestServer({ 'maxmemory-policy': 'allkeys-lru' });

test('an evicting server without an append-only file is used, under protest', async () => {
  const { queue } = await setup();
  const warnings: string[] = [];
  queue.events.on('redis:warning', ({ message }) => warnings.push(message));
  expect(await queue.prepare()).toMatchObject({ evictionPolicy: 'allkeys-lru', appendOnlyFile: false });
  expect(warnings.join()).toMatch(/noeviction.*appendonly yes/s);
});

test('a server older than 7.0 is refused in one clear sentence', async () => {
  const { redis, queue } = await setup();
  jest.spyOn(redis, 'info').mockResolvedValue('redis_version:6.2.14\r\nmaxmemory_policy:noeviction\r\n');
  await expect(queue.prepare()).rejects.toMatchObject({
    code: 'dependency_unsupported',
    message: 'Redis 6.2.14 is too old: the queue needs Redis 7.0 or newer, or Valkey',
  });
});

test('Valkey is known by the version it is compatible with', () => {
  const info =
    'server_name:valkey\r\nredis_version:7.2.4\r\nrole:slave\r\nvalkey_version:8.0.1\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n' +
    'used_memory:900\r\nmaxmemory:0\r\ntotal_system_memory:1000\r\naof_last_write_status:err\r\n';
  expect(factsFromInfo(info)).toEqual({
    version: '7.2.4',
    isReplica: true,
    evictionPolicy: 'noeviction',
    appendOnlyFile: true,
    lastSaveWorked: false,
    usedMemoryBytes: 900,
    memoryLimitBytes: 1000,
  });
});
