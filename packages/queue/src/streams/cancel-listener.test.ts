import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createKeys } from '../keys.ts';
import { createCancelListener } from './cancel-listener.ts';
import { patientRedisOptions } from './redis-client.ts';
import { useUndo } from './test-setup.ts';

const afterwards = useUndo();

/** Answers everything but SUBSCRIBE, which it leaves open on every connection except the first. */
async function startForgetfulServer() {
  const subscribed: Socket[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      for (const command of String(data).split(/(?=\*\d+\r\n)/)) {
        if (!/subscribe/i.test(command)) socket.write('+OK\r\n');
        else if (subscribed.push(socket) === 1) socket.write('*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n');
      }
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterwards(() => server.close());
  const address = server.address();
  return { port: typeof address === 'object' ? (address?.port ?? 0) : 0, subscribed };
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(10);
}

test('a worker that closes while its subscription is being renewed leaves no error that nobody catches', async () => {
  const { port, subscribed } = await startForgetfulServer();
  const redis = new Redis(port, { ...patientRedisOptions, lazyConnect: true });
  afterwards(() => redis.disconnect());

  const listener = createCancelListener({ redis, keys: createKeys('musicgen') });
  listener.listen(() => {});
  listener.attend();
  await until(() => subscribed.length === 1);
  subscribed[0]?.destroy();
  await until(() => subscribed.length === 2);
  // An error that nobody catches fails the test.
  listener.close();
  await delay(50);
  expect(subscribed).toHaveLength(2);
});
