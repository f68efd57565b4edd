import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { startFaultyProxy } from './faulty-proxy.ts';

/** A server that notes what it hears and says it back, a proxy before it, and a client of the proxy. */
async function setup() {
  const heard: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      heard.push(String(data));
      socket.write(data);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const proxy = await startFaultyProxy(typeof address === 'object' ? (address?.port ?? 0) : 0);
  const client = connect(proxy.port, '127.0.0.1');
  client.on('error', () => {});
  await exchange(client, 'hello');
  return {
    heard,
    proxy,
    client,
    async close() {
      client.destroy();
      await proxy.close();
      server.close();
    },
  };
}

async function exchange(client: Socket, text: string): Promise<string> {
  client.write(text);
  const [data] = await once(client, 'data');
  return String(data);
}

const everyLink = { target: 0, share: 1 };

test('a stalled connection delivers late, in both directions', async () => {
  const { proxy, client, close } = await setup();
  proxy.inflict({ kind: 'proxy:stall', ...everyLink, lastsMs: 150 });
  const sentAt = Date.now();
  expect(await exchange(client, 'late')).toBe('late');
  expect(Date.now() - sentAt).toBeGreaterThanOrEqual(140);
  await close();
});

test('dropped replies: the server gets the command, the client gets nothing but the end', async () => {
  const { heard, proxy, client, close } = await setup();
  const replies: string[] = [];
  proxy.inflict({ kind: 'proxy:drop_replies', ...everyLink, lastsMs: 100 });
  client.on('data', (data) => replies.push(String(data)));
  client.write('lost');
  await once(client, 'close');
  expect(heard).toContain('lost');
  expect(replies).toEqual([]);
  await close();
});

test('a cut ends the connection at both ends', async () => {
  const { proxy, client, close } = await setup();
  proxy.inflict({ kind: 'proxy:cut', ...everyLink, lastsMs: 0 });
  await once(client, 'close');
  expect(proxy.connections()).toBe(0);
  await close();
});

test('a silent connection neither delivers nor breaks while it lasts', async () => {
  const { heard, proxy, client, close } = await setup();
  proxy.inflict({ kind: 'proxy:silence', ...everyLink, lastsMs: 60_000 });
  client.write('into the void');
  await delay(100);
  expect(heard).not.toContain('into the void');
  expect(client.destroyed).toBe(false);
  await close();
});
