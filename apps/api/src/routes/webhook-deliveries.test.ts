import { randomBytes, randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import type { WebhookEventMap } from '@musicgen/webhooks';
import request from 'supertest';
import { completedTask, createTestApp, submit, type TestApp } from '../test-setup.ts';
import { startWebhookDuties } from '../webhook-duties.ts';
import { observeWebhooks } from '../webhook-metrics.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

const secret = `whsec_${randomBytes(32).toString('base64')}`;
const local = { WEBHOOK_ALLOWED_NETWORKS: '127.0.0.1/32', WEBHOOK_ALLOW_HTTP: 'true' };

/** A receiver of webhooks on this machine, answering with `status`. */
async function startReceiver(status = 204) {
  const received: { headers: IncomingHttpHeaders; body: { type: string; data: { id: string } } }[] = [];
  const arrivals = new EventEmitter();
  const receiver = createServer(async (req, res) => {
    received.push({ headers: req.headers, body: JSON.parse((await req.toArray()).join('')) });
    res.writeHead(status).end();
    arrivals.emit('arrived');
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/hook?token=abc`,
    received,
    async [Symbol.asyncDispose]() {
      receiver.close();
      await once(receiver, 'close');
    },
  };
}

/** The duties of a process, until disposed. */
function startDuties({ queue, options }: TestApp, defaultSecret?: string) {
  const events = new EventEmitter<WebhookEventMap>();
  observeWebhooks(options.registry, { events, deliveries: options.webhooks.deliveries });
  const duties = startWebhookDuties({
    outbox: queue.createOutboxReader({ consumerName: randomUUID() }),
    producer: options.producer,
    estimator: options.estimator,
    ...options.webhooks,
    events,
    secret: defaultSecret,
    onError: (error) => {
      throw error;
    },
  });
  const ended = { 'webhook:delivered': 0, 'webhook:dead': 0 };
  for (const name of ['webhook:delivered', 'webhook:dead'] as const)
    events.prependListener(name, () => ended[name]++);
  return {
    /** Resolves once so many deliveries have ended so. */
    async until(name: keyof typeof ended, count: number) {
      while (ended[name] < count) await once(events, name);
    },
    [Symbol.asyncDispose]: () => duties.stop(),
  };
}

test.each([
  ['a private address', { url: 'https://10.0.0.1/', secret }, {}, '#/webhook/url'],
  ['this machine', { url: 'https://[::1]/', secret }, {}, '#/webhook/url'],
  ['the metadata of a cloud', { url: 'https://169.254.169.254/', secret }, {}, '#/webhook/url'],
  ['plain http', { url: 'http://example.org/', secret }, {}, '#/webhook/url'],
  ['no secret anywhere', { url: 'https://example.org/' }, {}, '#/webhook/secret'],
  [
    'an unknown event',
    { url: 'https://example.org/', secret, events: ['task.lost'] },
    {},
    '#/webhook/events/0',
  ],
  ['an unknown field', { url: 'https://example.org/', secret, method: 'GET' }, {}, '#/webhook/method'],
])('%s is refused by field, and nothing is stored', async (_what, webhook, env, pointer) => {
  await using context = await createTestApp({ redisUrl: server.url, env });
  const { status, body } = await submit(context, { prompt: 'x', webhook });
  expect([status, body.errors[0].pointer]).toEqual([422, pointer]);
  expect(JSON.stringify(body)).not.toContain('whsec_');
  expect(await context.redis.keys(`${context.prefix}:task:*`)).toEqual([]);
});

test('a webhook tells the ends that were asked for, and the task shows nothing of it', async () => {
  await using receiver = await startReceiver();
  await using context = await createTestApp({ redisUrl: server.url, env: local });
  await using duties = startDuties(context);
  const webhook = { url: receiver.url, secret, events: ['task.completed'] };
  const id = await completedTask(context, { webhook });
  const other = await submit(context, { prompt: 'other', webhook });
  await request(context.app).post(other.body.links.cancel);
  await duties.until('webhook:delivered', 1);

  const shown = await request(context.app).get(`/api/v1/tasks/${id}`);
  expect(JSON.stringify([other.body, shown.body])).not.toMatch(/whsec_|hook/);
  expect(receiver.received).toMatchObject([
    {
      headers: { 'webhook-id': expect.stringMatching(/^msg_/) },
      body: { type: 'task.completed', data: { id } },
    },
  ]);
  expect(receiver.received[0]?.body.data).toEqual(shown.body);
  const { text } = await request(context.app).get('/metrics');
  expect(text).toContain('musicgen_webhook_deliveries_total{result="ok"} 1');
  expect(text).toContain('musicgen_webhook_pending{state="pending"} 0');
});

test('an administrator sees what became of deliveries, page by page, and sends one again', async () => {
  await using receiver = await startReceiver(410);
  await using context = await createTestApp({
    redisUrl: server.url,
    env: { ...local, WEBHOOK_SECRET: secret },
  });
  const webhook = { url: receiver.url };
  for (const prompt of ['one', 'two', 'three']) {
    const { body } = await submit(context, { prompt, webhook });
    await request(context.app).post(body.links.cancel);
  }
  await using duties = startDuties(context, secret);
  await duties.until('webhook:dead', 3);

  const list = (query: string) => request(context.app).get(`/api/v1/admin/webhook-deliveries${query}`);
  const first = await list('?status=dead&limit=2');
  const second = await list(`?status=dead&limit=2&cursor=${first.body.next_cursor}`);
  const all = [...first.body.deliveries, ...second.body.deliveries];
  expect(new Set(all.map(({ id }) => id)).size).toBe(3);
  expect(second.body.next_cursor).toBeNull();
  expect(all[0]).toMatchObject({
    event: 'task.cancelled',
    status: 'dead',
    attempts: 1,
    last_status: 410,
    last_error: 'The receiver answered 410',
    next_attempt_at: null,
  });
  expect(JSON.stringify(all)).not.toMatch(/token=abc|whsec_/);
  expect((await list('?status=delivered')).body.deliveries).toEqual([]);
  expect((await list('?limit=101')).status).toBe(422);

  const resent = await request(context.app).post(`/api/v1/admin/webhook-deliveries/${all[0].id}/resend`);
  expect([resent.status, resent.body.status, resent.body.attempts]).toEqual([202, 'pending', 0]);
  await duties.until('webhook:dead', 4);
  expect(receiver.received.filter(({ headers }) => headers['webhook-id'] === all[0].id)).toHaveLength(2);
  expect((await request(context.app).post('/api/v1/admin/webhook-deliveries/msg_none/resend')).status).toBe(
    404,
  );
});
