import { EventEmitter, once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { startFaultyProxy } from './faulty-proxy.ts';

// How long a fault lasts is counted by hand: on a busy machine a short one would be over before anything was sent.
beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'setInterval', 'Date'] });
});
afterEach(() => {
  jest.useRealTimers();
});

/** A server that notes what it hears and says it back, a proxy before it, and a client of the proxy. */
async function setup() {
  const heard: string[] = [];
  const ears = new EventEmitter<{ heard: [] }>();
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      heard.push(String(data));
      socket.write(data);
      ears.emit('heard');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const proxy = await startFaultyProxy(typeof address === 'object' ? (address?.port ?? 0) : 0);
  const open = async (greeting: string) => {
    const client = connect(proxy.port, '127.0.0.1');
    client.on('error', () => {});
    await exchange(client, greeting);
    return client;
  };
  const client = await open('hello');
  const clients = [client];
  return {
    heard,
    proxy,
    client,
    async untilHeard(text: string) {
      while (!heard.includes(text)) await once(ears, 'heard');
    },
    /** Another client, whom no fault has hit, comes and is answered: whatever was let through has arrived then. */
    async passTime() {
      clients.push(await open('another'));
    },
    async close() {
      for (const client of clients) client.destroy();
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
  const { heard, proxy, client, passTime, close } = await setup();
  proxy.inflict({ kind: 'proxy:stall', ...everyLink, lastsMs: 150 });
  const answer = exchange(client, 'late');
  await passTime();
  expect(heard).toEqual(['hello', 'another']);
  jest.advanceTimersByTime(150);
  expect(await answer).toBe('late');
  await close();
});

test('dropped replies: the server gets the command, the client gets nothing but the end', async () => {
  const { proxy, client, untilHeard, passTime, close } = await setup();
  const replies: string[] = [];
  proxy.inflict({ kind: 'proxy:drop_replies', ...everyLink, lastsMs: 100 });
  client.on('data', (data) => replies.push(String(data)));
  client.write('lost');
  await untilHeard('lost');
  await passTime();
  expect(client.destroyed).toBe(false);
  jest.advanceTimersByTime(100);
  await once(client, 'close');
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
  const { heard, proxy, client, passTime, close } = await setup();
  proxy.inflict({ kind: 'proxy:silence', ...everyLink, lastsMs: 60_000 });
  client.write('into the void');
  await passTime();
  jest.advanceTimersByTime(59_999);
  await passTime();
  expect(heard).not.toContain('into the void');
  expect(client.destroyed).toBe(false);
  await close();
});
