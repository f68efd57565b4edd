import { EventEmitter } from 'node:events';
import { Webhook } from 'standardwebhooks';
import { createCollector, type Notice } from './collector.ts';
import { createDeliverer, type DelivererOptions } from './deliverer.ts';
import { createDeliveries } from './deliveries.ts';
import { createTargetPolicy } from './target.ts';
import { deliveryTo, secret, useReceivers, useTestServer } from './test-setup.ts';
import type { WebhookEventMap } from './webhook-events.ts';

const setup = useTestServer();
const startReceiver = useReceivers();
const task = { id: 'task-1', status: 'completed', request: { prompt: 'lofi' } };

type Told = { name: keyof WebhookEventMap } & Record<string, unknown>;

/** Deliverers on one store, and what they told. */
async function create(options: Partial<DelivererOptions> = {}) {
  const server = await setup();
  const deliveries = createDeliveries(server);
  const events = new EventEmitter<WebhookEventMap>();
  const told: Told[] = [];
  const names = ['delivered', 'retrying', 'dead', 'lost', 'unreadable'] as const;
  for (const end of names)
    events.on(`webhook:${end}`, (fields: object) => told.push({ name: `webhook:${end}`, ...fields }));
  const startDeliverer = () =>
    createDeliverer({
      deliveries,
      policy: createTargetPolicy({ allowHttp: true, allowedNetworks: ['127.0.0.1/32'] }),
      presentTask: async () => task,
      events,
      defaultSecret: undefined,
      ...options,
    });
  return { ...server, deliveries, events, told, startDeliverer };
}

/** Runs one round to its end. */
async function round({ startDeliverer }: Awaited<ReturnType<typeof create>>, settled: Promise<unknown>) {
  const deliverer = startDeliverer();
  await deliverer.deliverDue();
  await settled;
  await deliverer.close();
}

const told = (events: EventEmitter<WebhookEventMap>, name: keyof WebhookEventMap) =>
  new Promise((resolve) => events.once(name, resolve));

test('a receiver gets the event, signed, with the task as it stands', async () => {
  const receiver = await startReceiver(200);
  const test = await create();
  const delivery = deliveryTo(receiver.url, { at: Date.UTC(2026, 0, 2) });
  await test.deliveries.add(delivery);
  await round(test, told(test.events, 'webhook:delivered'));
  const [message] = receiver.received;
  const verified = new Webhook(secret).verify(message?.body ?? '', message?.headers ?? {});
  expect(verified).toEqual({ type: 'task.completed', timestamp: '2026-01-02T00:00:00.000Z', data: task });
  expect(message?.headers['webhook-id']).toBe(delivery.id);
  expect(await test.deliveries.get(delivery.id)).toMatchObject({
    status: 'delivered',
    attempts: 1,
    lastStatus: 200,
  });
  expect(test.told).toMatchObject([{ name: 'webhook:delivered', attempt: 1, status: 200 }]);
  expect(JSON.stringify(test.told)).not.toMatch(/hook"|whsec_|lofi/);
});

test('without a secret of its own it is signed with that of the service', async () => {
  const receiver = await startReceiver(200);
  const own = `whsec_${Buffer.alloc(24, 9).toString('base64')}`;
  const test = await create({ defaultSecret: own });
  await test.deliveries.add(deliveryTo(receiver.url, { secret: undefined }));
  await round(test, told(test.events, 'webhook:delivered'));
  const [message] = receiver.received;
  expect(new Webhook(own).verify(message?.body ?? '', message?.headers ?? {})).toMatchObject({ data: task });
});

test('of a task that is removed meanwhile its id and its end are told', async () => {
  const receiver = await startReceiver(200);
  const test = await create({ presentTask: async () => undefined });
  await test.deliveries.add(deliveryTo(receiver.url, { event: 'task.cancelled' }));
  await round(test, told(test.events, 'webhook:delivered'));
  expect(JSON.parse(receiver.received[0]?.body ?? '')).toMatchObject({
    type: 'task.cancelled',
    data: { id: 'task-1', status: 'cancelled' },
  });
});

test.each([
  ['an error', 500, 'webhook:retrying', { status: 'pending', lastStatus: 500 }],
  ['a redirect', 302, 'webhook:retrying', { status: 'pending', lastStatus: 302 }],
  ['410', 410, 'webhook:dead', { status: 'dead', lastStatus: 410 }],
] as const)(
  '%s as the answer is remembered, and what follows from it',
  async (_what, status, name, expected) => {
    const receiver = await startReceiver(status);
    const test = await create();
    const delivery = deliveryTo(receiver.url);
    await test.deliveries.add(delivery);
    await round(test, told(test.events, name));
    expect(await test.deliveries.get(delivery.id)).toMatchObject({
      ...expected,
      lastError: `The receiver answered ${status}`,
    });
  },
);

test('a receiver that asks for time gets it', async () => {
  const receiver = await startReceiver((res) => res.writeHead(429, { 'Retry-After': '3600' }).end());
  const test = await create();
  await test.deliveries.add(deliveryTo(receiver.url));
  await round(test, told(test.events, 'webhook:retrying'));
  expect(test.told).toMatchObject([{ retryInMs: 3_600_000 }]);
});

test('the last failed attempt leaves a dead letter', async () => {
  const receiver = await startReceiver(500);
  const test = await create();
  const delivery = deliveryTo(receiver.url);
  await test.deliveries.add(delivery);
  const forgetful = createDeliveries({ ...test, leaseMs: 0 });
  for (let attempt = 1; attempt <= 7; attempt++) await forgetful.claim(1);
  await round(test, told(test.events, 'webhook:dead'));
  expect(test.told.at(-1)).toMatchObject({ attempt: 8, cause: 'exhausted' });
  expect(await test.deliveries.figures()).toMatchObject({ pending: 0, dead: 1 });
});

test('an address in a private network is given up without a connection', async () => {
  const receiver = await startReceiver(200);
  const test = await create({ policy: createTargetPolicy({ allowHttp: true, allowedNetworks: [] }) });
  await test.deliveries.add(deliveryTo(`http://localhost:${receiver.port}/`));
  await round(test, told(test.events, 'webhook:dead'));
  expect(test.told).toMatchObject([{ cause: 'blocked' }]);
  expect(receiver.received).toEqual([]);
});

test('a deliverer that is closed in the middle gives its delivery back, uncharged, for the next one', async () => {
  const receiver = await startReceiver('hang', 200);
  const test = await create();
  await test.deliveries.add(deliveryTo(receiver.url));
  const first = test.startDeliverer();
  await first.deliverDue();
  await receiver.untilReceived(1);
  await first.close();
  await round(test, told(test.events, 'webhook:delivered'));
  expect(test.told).toMatchObject([{ name: 'webhook:delivered', attempt: 1 }]);
});

test('two deliverers share the work and send nothing twice', async () => {
  const receiver = await startReceiver(200);
  const test = await create();
  for (let count = 0; count < 40; count++) await test.deliveries.add(deliveryTo(receiver.url));
  const pair = [test.startDeliverer(), test.startDeliverer()];
  // What finds the host busy comes again in a few seconds; here at once.
  while ((await test.deliveries.figures()).pending > 0) {
    await Promise.all(pair.map((deliverer) => deliverer.deliverDue()));
    const waiting = await test.redis.zrange(`${test.prefix}:webhooks:due`, 0, '-1');
    for (const id of waiting) {
      const isIdle = (await test.redis.hexists(`${test.prefix}:webhook:${id}`, 'token')) === 0;
      if (isIdle) await test.redis.zadd(`${test.prefix}:webhooks:due`, 'XX', 0, id);
    }
  }
  await Promise.all(pair.map((deliverer) => deliverer.close()));
  const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
  expect(ids).toHaveLength(40);
  expect(new Set(ids).size).toBe(40);
});

test('a receiver that hangs does not keep another one waiting', async () => {
  const [hanging, quick] = [await startReceiver('hang'), await startReceiver(200)];
  const test = await create({ maxInFlight: 4, maxPerHost: 2 });
  for (let count = 0; count < 20; count++) await test.deliveries.add(deliveryTo(hanging.url));
  await test.deliveries.add(deliveryTo(quick.url));
  await round(test, told(test.events, 'webhook:delivered'));
  expect(quick.received).toHaveLength(1);
  expect(hanging.received.length).toBeLessThanOrEqual(2);
});

test('notices become deliveries of the events that were asked for, and are acknowledged', async () => {
  const { deliveries, events, told: heard } = await create();
  const notify = JSON.stringify({ url: 'https://example.org/', events: ['task.completed'], secret });
  const notice = { taskId: 'task-1', status: 'completed', at: 1, notify };
  const notices: Notice[] = [
    { ...notice, id: '1-0' },
    { ...notice, id: '2-0', status: 'processing' },
    { ...notice, id: '3-0', notify: 'no JSON' },
  ];
  const acknowledged: string[] = [];
  const source = {
    read: async () => notices,
    acknowledge: async (ids: readonly string[]) => void acknowledged.push(...ids),
  };
  const collect = createCollector({ source, deliveries, events });
  expect(await collect(new AbortController().signal)).toBe(3);
  await collect(new AbortController().signal);
  const { deliveries: stored } = await deliveries.list({ limit: 10 });
  expect(stored).toMatchObject([{ id: 'msg_1-0', taskId: 'task-1', event: 'task.completed', at: 1 }]);
  expect(acknowledged).toEqual(['1-0', '2-0', '3-0', '1-0', '2-0', '3-0']);
  expect(heard).toMatchObject([{ name: 'webhook:unreadable' }, { name: 'webhook:unreadable' }]);
});
