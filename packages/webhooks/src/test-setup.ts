import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { Redis } from 'ioredis';
import type { NewDelivery } from './deliveries.ts';

/** A real server for the tests of one file; each call gives a client and a prefix of its own. */
export function useTestServer() {
  let server: RedisServer | undefined;
  const clients: Redis[] = [];
  beforeAll(async () => {
    server = await startRedisServer({ settings: { appendonly: 'no' } });
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.disconnect();
  });
  afterAll(() => server?.stop());

  return async () => {
    const redis = new Redis(server?.url ?? '');
    clients.push(redis);
    await once(redis, 'ready');
    return { redis, prefix: `test-${randomUUID()}` };
  };
}

/** What a receiver was sent. */
export interface Received {
  headers: Record<string, string>;
  body: string;
}

/**
 * A real receiver on this machine; closed after the test. Answers with what `answer` says, in turn, the last for ever;
 * `hang` never answers.
 */
export function useReceivers() {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  });

  return async (...answers: (number | 'hang' | ((res: ServerResponse) => void))[]) => {
    const received: Received[] = [];
    const arrivals = new EventEmitter();
    const server = createServer(async (req, res) => {
      const body = (await req.toArray()).join('');
      received.push({ headers: req.headers as Record<string, string>, body });
      const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? 204;
      if (typeof answer === 'function') answer(res);
      else if (answer !== 'hang') res.writeHead(answer).end();
      arrivals.emit('arrived');
    });
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    return {
      url: `http://127.0.0.1:${port}/hook`,
      port,
      received,
      /** Resolves once so many messages have arrived. */
      async untilReceived(count: number) {
        while (received.length < count) await once(arrivals, 'arrived');
      },
    };
  };
}

/** A delivery of a test: to this address. */
export function deliveryTo(url: string, fields: Partial<NewDelivery> = {}): NewDelivery {
  const id = `msg_${Date.now()}-${counter++}`;
  return { id, taskId: 'task-1', event: 'task.completed', url, secret, at: Date.now(), ...fields };
}

let counter = 0;

export const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
