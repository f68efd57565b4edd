import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseRedis } from './redis.ts';

async function setup() {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-local-'));
  const choose = (url?: string) => chooseRedis({ url, folder, say: () => {} });
  return { choose, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

test('REDIS_URL is taken as it is, and left running', async () => {
  await using context = await setup();
  const chosen = await context.choose('redis://elsewhere:6379');
  expect(chosen).toMatchObject({ url: 'redis://elsewhere:6379', origin: 'REDIS_URL' });
  await chosen.stop();
});

test('a private server is started once, shared by a second run, and gone with the first', async () => {
  await using context = await setup();
  const first = await context.choose();
  expect(first.origin).toMatch(/^private, /);
  const second = await context.choose();
  expect(second).toMatchObject({ url: first.url, origin: 'another run of this service' });
  await second.stop();
  expect((await context.choose()).url).toBe(first.url);
  await first.stop();
  const next = await context.choose();
  expect(next.origin).toMatch(/^private, /);
  await next.stop();
});
