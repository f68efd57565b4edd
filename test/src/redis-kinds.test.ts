import { startRedisCluster, startRedisServer, startSentinel } from '@musicgen/redis-server';
import { createFleet } from './processes.ts';

// The engine loads a model on a machine that may be busy.
jest.setTimeout(120_000);

const undos: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const undo of undos.splice(0).reverse()) await undo();
});

/** An API and a worker on the Redis of the URL make one piece. */
async function makePiece(redisUrl: string, env: Record<string, string> = {}) {
  const fleet = await createFleet(redisUrl);
  undos.push(fleet.stop);
  const api = await fleet.startApi(env);
  fleet.startWorker(env);
  await api.process.untilLogged('ready');
  const { id } = await api.client.generate({ prompt: 'a march', duration: 1, seed: 1, priority: 'CRITICAL' });
  return api.client.waitForTask(id);
}

test('REDIS_URL may name a cluster', async () => {
  const cluster = await startRedisCluster();
  undos.push(cluster.stop);
  const hosts = cluster.masters.map(({ port }) => `127.0.0.1:${port}`).join(',');
  const task = await makePiece(`redis-cluster://${hosts}`, { TASK_KEY_PREFIX: '{musicgen}' });
  expect(task).toMatchObject({ status: 'completed', attempt: 1 });
});

test('REDIS_URL may name the Sentinels of a group, of which one need not answer', async () => {
  const master = await startRedisServer({ settings: { appendonly: 'no' } });
  undos.push(master.stop);
  const replica = await startRedisServer({
    settings: { appendonly: 'no', replicaof: `127.0.0.1 ${master.port}` },
  });
  undos.push(replica.stop);
  // No busy moment makes it promote the replica: the master stays.
  const sentinel = await startSentinel({ group: 'group', masterPort: master.port, downAfterMs: 60_000 });
  undos.push(sentinel.stop);
  const task = await makePiece(`redis-sentinel://127.0.0.1:1,127.0.0.1:${sentinel.port}/group`);
  expect(task).toMatchObject({ status: 'completed', attempt: 1 });
});
