import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createFleet, type Fleet } from './processes.ts';

const info = 'redis_version:6.2.14\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n';

/** Says about itself what a Redis 6 says; no such server can be installed beside the tests' own. */
async function startOldRedis() {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    // Every command comes as an array of bulk strings; its name is the third line.
    socket.on('data', (data) => {
      for (const command of data.toString().split(/(?=^\*\d+\r\n)/m)) {
        const name = command.split('\r\n')[2]?.toLowerCase();
        socket.write(name === 'info' ? `$${info.length}\r\n${info}\r\n` : '+OK\r\n');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

let fleet: Fleet;
let redis: Awaited<ReturnType<typeof startOldRedis>>;
beforeAll(async () => {
  redis = await startOldRedis();
  fleet = await createFleet(redis.url);
});
afterAll(async () => {
  await fleet.stop();
  redis.stop();
});

test('API and worker refuse a Redis older than 7.0: they say why and end, and a restart would not help', async () => {
  const api = await fleet.startApi();
  const worker = fleet.startWorker();
  for (const process of [api.process, worker]) {
    expect(await process.untilLogged('cannot run')).toMatchObject({
      reason: 'dependency_unsupported',
      detail: 'Redis 6.2.14 is too old: the queue needs Redis 7.0 or newer, or Valkey',
    });
    expect(await process.ended).toMatchObject({ code: 78 });
  }
});
