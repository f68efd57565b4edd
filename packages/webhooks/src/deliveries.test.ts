import { createDeliveries, type Deliveries, type DeliveriesLimits } from './deliveries.ts';
import type { ClaimedDelivery } from './delivery.ts';
import { createMemoryDeliveries } from './memory-deliveries.ts';
import { deliveryTo, secret, useTestServer } from './test-setup.ts';

const setup = useTestServer();
const url = 'https://example.org/hook';

async function createInRedis(options: DeliveriesLimits = {}) {
  const server = await setup();
  return { ...server, deliveries: createDeliveries({ ...server, ...options }) };
}

async function claimOne(deliveries: Deliveries): Promise<ClaimedDelivery> {
  const [claim] = await deliveries.claim(1);
  if (claim === undefined) throw new Error('there was nothing to claim');
  return claim;
}

describe.each([
  ['Redis', createInRedis],
  ['memory', async (options: DeliveriesLimits = {}) => ({ deliveries: createMemoryDeliveries(options) })],
])('in %s', (_where, create) => {
  test('an event is stored once however often it is told, and claimed by one', async () => {
    const { deliveries } = await create();
    const delivery = deliveryTo(url);
    await deliveries.add(delivery);
    await deliveries.add(delivery);
    const [claims, others] = await Promise.all([deliveries.claim(10), deliveries.claim(10)]);
    expect([...claims, ...others]).toMatchObject([
      { id: delivery.id, url, secret, attempts: 1, status: 'pending' },
    ]);
  });

  test('whoever looks at a delivery never sees its secret', async () => {
    const { deliveries } = await create();
    const { id } = deliveryTo(url);
    await deliveries.add(deliveryTo(url, { id }));
    const seen = JSON.stringify([await deliveries.get(id), await deliveries.list({ limit: 10 })]);
    expect(seen).toContain(id);
    expect(seen).not.toContain('whsec_');
  });

  test('a lease that runs out brings the delivery back, and only the last claim may settle it', async () => {
    const { deliveries } = await create({ leaseMs: 0 });
    await deliveries.add(deliveryTo(url));
    const dead = await claimOne(deliveries);
    const alive = await claimOne(deliveries);
    expect(alive).toMatchObject({ id: dead.id, attempts: 2 });
    expect(await deliveries.end(dead, 'delivered', { status: 200 })).toBe(false);
    expect(await deliveries.retryLater(dead, 0, { error: 'x' })).toBe(false);
    expect(await deliveries.giveBack(dead, 0)).toBe(false);
    expect(await deliveries.end(alive, 'delivered', { status: 200 })).toBe(true);
    expect(await deliveries.get(dead.id)).toMatchObject({ status: 'delivered', lastStatus: 200 });
    expect(await deliveries.claim(1)).toEqual([]);
  });

  test('a failed attempt comes again when its pause is over; one that was none is not counted', async () => {
    const { deliveries } = await create();
    await deliveries.add(deliveryTo(url));
    const first = await claimOne(deliveries);
    await deliveries.retryLater(first, 0, { status: 503, error: 'The receiver answered 503' });
    expect(await deliveries.get(first.id)).toMatchObject({ attempts: 1, lastStatus: 503, status: 'pending' });
    const second = await claimOne(deliveries);
    expect(second.attempts).toBe(2);
    await deliveries.giveBack(second, 0);
    expect((await claimOne(deliveries)).attempts).toBe(2);
  });

  test('a pause keeps a delivery from being claimed, and the figures do not count it as due', async () => {
    const { deliveries } = await create();
    await deliveries.add(deliveryTo(url));
    expect(await deliveries.figures()).toMatchObject({ due: 1, pending: 1, dead: 0 });
    await deliveries.retryLater(await claimOne(deliveries), 60_000, {});
    expect(await deliveries.claim(1)).toEqual([]);
    expect(await deliveries.figures()).toMatchObject({ due: 0, oldestDueMs: 0, pending: 1 });
  });

  test('a dead letter that is sent again has all its attempts before it', async () => {
    const { deliveries } = await create();
    await deliveries.add(deliveryTo(url));
    const claim = await claimOne(deliveries);
    await deliveries.end(claim, 'dead', { error: 'gone' });
    expect(await deliveries.resend(claim.id)).toMatchObject({ status: 'pending', attempts: 0 });
    const again = await claimOne(deliveries);
    expect(again).toMatchObject({ id: claim.id, attempts: 1 });
    // What is under way is left to whoever has it.
    await deliveries.resend(claim.id);
    expect(await deliveries.end(again, 'delivered', {})).toBe(true);
    expect(await deliveries.resend('msg_none')).toBeUndefined();
  });

  test('pages of a status go from the newest to the oldest, without repeats, whatever is added meanwhile', async () => {
    const { deliveries } = await create();
    const added = [1, 2, 3, 4, 5].map((number) => deliveryTo(url, { id: `msg_100000000000${number}-0` }));
    for (const delivery of added) await deliveries.add(delivery);
    const first = await deliveries.list({ status: 'pending', limit: 2 });
    await deliveries.add(deliveryTo(url));
    const second = await deliveries.list({ status: 'pending', limit: 2, cursor: first.nextCursor });
    const third = await deliveries.list({ status: 'pending', limit: 2, cursor: second.nextCursor });
    const ids = [first, second, third].flatMap((page) => page.deliveries.map(({ id }) => id));
    expect(ids).toEqual(added.map(({ id }) => id).reverse());
    expect(third.nextCursor).toBeUndefined();
    expect((await deliveries.list({ status: 'dead', limit: 2 })).deliveries).toEqual([]);
  });

  test('what is over is kept up to a number', async () => {
    const { deliveries } = await create({ keptCount: 2 });
    for (let count = 0; count < 5; count++) {
      await deliveries.add(deliveryTo(url));
      await deliveries.end(await claimOne(deliveries), 'dead', {});
    }
    expect((await deliveries.list({ limit: 100 })).deliveries).toHaveLength(2);
  });
});

test('what is over is kept up to a number and up to an age, and leaves nothing', async () => {
  const { deliveries, redis, prefix } = await createInRedis({ keptCount: 2 });
  await deliveries.add(deliveryTo(url, { id: 'msg_1000000000000-0' }));
  await deliveries.end(await claimOne(deliveries), 'dead', {});
  for (let count = 0; count < 4; count++) {
    await deliveries.add(deliveryTo(url));
    await deliveries.end(await claimOne(deliveries), 'dead', {});
  }
  const { deliveries: left } = await deliveries.list({ limit: 100 });
  expect(left).toHaveLength(2);
  expect(await redis.keys(`${prefix}:webhook:*`)).toHaveLength(2);
  expect(await redis.zcard(`${prefix}:webhooks:all`)).toBe(2);
});

test('a delivery that is over has a TTL, one that is sent again has none', async () => {
  const { deliveries, redis, prefix } = await createInRedis();
  await deliveries.add(deliveryTo(url));
  const claim = await claimOne(deliveries);
  await deliveries.end(claim, 'dead', { error: 'gone' });
  expect(await redis.pttl(`${prefix}:webhook:${claim.id}`)).toBeGreaterThan(0);
  await deliveries.resend(claim.id);
  expect(await redis.pttl(`${prefix}:webhook:${claim.id}`)).toBe(-1);
});
