import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { Redis } from 'ioredis';
import { createFleet, type Fleet } from './processes.ts';

let server: RedisServer;
let fleet: Fleet;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
  fleet = await createFleet(server.url);
});
afterAll(async () => {
  await fleet.stop();
  await server.stop();
});

test('API and worker do not touch the tasks of an older service: they name the command that moves them and end', async () => {
  const redis = new Redis(server.url);
  await redis.hset('musicgen:task:1', { task_id: '1', status: 'pending', request: "{'prompt': 'a'}" });
  const before = await redis.dump('musicgen:task:1');
  const api = await fleet.startApi();
  const worker = fleet.startWorker();
  for (const process of [api.process, worker]) {
    expect(await process.untilLogged('cannot run')).toMatchObject({
      reason: 'dependency_unsupported',
      detail: expect.stringContaining('npm run migrate -- --source'),
    });
    expect(await process.ended).toMatchObject({ code: 78 });
  }
  expect(await redis.keys('*')).toEqual(['musicgen:task:1']);
  expect(await redis.dump('musicgen:task:1')).toBe(before);
  redis.disconnect();
});
