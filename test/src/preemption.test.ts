import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { createFleet, type Fleet, followUntil } from './processes.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(180_000);

let redis: RedisServer;
let fleet: Fleet;
beforeEach(async () => {
  redis = await startRedisServer();
  fleet = await createFleet(redis.url);
});
afterEach(async () => {
  await fleet.stop();
  await redis.stop();
});

test('a CRITICAL task takes the slot of a running LOW one, which goes on afterwards where it was', async () => {
  const api = await fleet.startApi();
  await api.process.untilLogged('ready');
  const worker = fleet.startWorker();
  const ended: unknown[] = [];
  const resumed: unknown[] = [];
  const returned: unknown[] = [];
  worker.log.on('line', (line) => {
    if (line.msg === 'task ended') ended.push(line.task_id);
    if (line.msg === 'task claimed') resumed.push([line.task_id, line.resumed]);
    if (line.msg === 'task handed back') returned.push([line.task_id, line.reason]);
  });

  const request = { prompt: 'slow strings', duration: 120, seed: 3, guidance_scale: 1, priority: 'LOW' };
  const low = await api.client.generate(request);
  const running = followUntil(api, low.id, ({ progress }) => (progress?.frame ?? 0) > 100);
  await running.reached;
  const critical = await api.client.generate({ prompt: 'alarm', duration: 1, seed: 4, priority: 'CRITICAL' });
  const urgent = await api.client.waitForTask(critical.id);
  const disturbed = await running.finished;

  expect(urgent).toMatchObject({ status: 'completed', attempt: 1 });
  expect(disturbed).toMatchObject({ status: 'completed', attempt: 1 });
  const undisturbed = await api.client.waitForTask((await api.client.generate(request)).id);
  // Up to where it was interrupted: behind that the rounding of the prefill may, once in a while, let a draw fall to the
  // other side. That nothing else differs is tested with the engine alone.
  const [codes, undisturbedCodes] = [await fleet.codesOf(disturbed), await fleet.codesOf(undisturbed)];
  expect(codes.length).toBe(undisturbedCodes.length);
  expect(codes.subarray(0, 800)).toEqual(undisturbedCodes.subarray(0, 800));

  // Its log may be behind what the events tell, but not behind its end.
  await worker.stop();
  expect(ended.slice(0, 2)).toEqual([critical.id, low.id]);
  expect(returned).toEqual([[low.id, 'yield']]);
  expect(resumed.slice(0, 3)).toEqual([
    [low.id, false],
    [critical.id, false],
    [low.id, true],
  ]);
});
