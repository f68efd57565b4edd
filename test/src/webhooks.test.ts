import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createApiKey, hashApiKey } from '@musicgen/access';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { Redis } from 'ioredis';
import { Webhook } from 'standardwebhooks';
import { createFleet, type Fleet, root } from './processes.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(120_000);

const secret = `whsec_${randomBytes(32).toString('base64')}`;
const key = createApiKey();
const env = {
  API_KEYS: `ann:generate+admin:${hashApiKey(key).toString('hex')}`,
  WEBHOOK_SECRET: secret,
  WEBHOOK_ALLOWED_NETWORKS: '127.0.0.1/32',
};
const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' };

let redis: RedisServer;
let fleet: Fleet;
let closers: (() => unknown)[];
beforeEach(async () => {
  closers = [];
  redis = await startRedisServer();
  fleet = await createFleet(redis.url);
});
afterEach(async () => {
  for (const close of closers) await close();
  await fleet.stop();
  await redis.stop();
});

/** Submits a task with a webhook and cancels it: its end is an event. */
async function endTask(api: string, url: string): Promise<string> {
  const body = JSON.stringify({ prompt: 'a confidential melody', webhook: { url } });
  const submitted = await fetch(`${api}/api/v1/generate`, { method: 'POST', headers, body });
  const { id } = (await submitted.json()) as { id: string };
  await fetch(`${api}/api/v1/tasks/${id}/cancel`, { method: 'POST', headers });
  return id;
}

/** The receiver that the documentation shows, as a process; its lines tell what it took. */
async function startExample() {
  const child: ChildProcess = spawn(process.execPath, [join(root, 'docs/examples/webhook-receiver.js')], {
    env: { ...process.env, WEBHOOK_SECRET: secret, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closers.push(() => child.kill());
  if (child.stdout === null) throw new Error('it was started without a pipe');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => String((await lines.next()).value);
  const port = (await next()).replace('listening on ', '');
  return { url: `http://127.0.0.1:${port}/hook?token=private`, next };
}

test('the receiver of the documentation takes what the service signed, and nothing else; the log keeps secrets', async () => {
  const receiver = await startExample();
  const body = '{"type":"task.completed","data":{"id":"forged"}}';
  const post = (signed: { id: string; at: Date; with: string }) =>
    fetch(receiver.url, {
      method: 'POST',
      body,
      headers: {
        'webhook-id': 'msg_1',
        'webhook-timestamp': String(Math.floor(signed.at.getTime() / 1000)),
        'webhook-signature': new Webhook(signed.with).sign(signed.id, signed.at, body),
      },
    });
  const other = `whsec_${randomBytes(32).toString('base64')}`;
  const now = new Date();
  expect((await post({ id: 'msg_1', at: now, with: other })).status).toBe(401);
  expect((await post({ id: 'msg_2', at: now, with: secret })).status).toBe(401);
  expect((await post({ id: 'msg_1', at: new Date(now.getTime() - 3_600_000), with: secret })).status).toBe(
    401,
  );

  const api = await fleet.startApi(env);
  await api.process.untilLogged('ready');
  const id = await endTask(api.url, receiver.url);
  expect(await receiver.next()).toBe(`task.cancelled ${id}`);
  await api.process.untilLogged('webhook:delivered');
  await api.process.stop();

  const logs = (await readdir(fleet.folder)).filter((name) => name.endsWith('.log'));
  const text = (await Promise.all(logs.map((name) => readFile(join(fleet.folder, name), 'utf8')))).join('');
  expect(text).toContain('"caller":"ann"');
  expect(text).toContain('webhook:delivered');
  for (const hidden of [
    key,
    key.slice(4, -6),
    env.API_KEYS,
    secret,
    secret.slice(6),
    'confidential',
    'token=private',
  ]) {
    expect(text).not.toContain(hidden);
  }
});

test('a delivery that dies with its process is made by another one, under the same id', async () => {
  const ids: string[] = [];
  let receivedFirst = () => {};
  const first = new Promise<void>((resolve) => {
    receivedFirst = resolve;
  });
  const receiver: Server = createServer((req, res) => {
    ids.push(String(req.headers['webhook-id']));
    req.resume();
    // The first is left without an answer.
    if (ids.length === 1) receivedFirst();
    else res.writeHead(204).end();
  });
  closers.push(() => {
    receiver.closeAllConnections();
    receiver.close();
  });
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');

  const dying = await fleet.startApi(env);
  await dying.process.untilLogged('ready');
  await endTask(dying.url, `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`);
  await first;
  dying.process.kill('SIGKILL');
  await dying.process.ended;

  const surviving = await fleet.startApi(env);
  await surviving.process.untilLogged('ready');
  // What the lease would do in a minute.
  const client = new Redis(redis.url);
  closers.push(() => client.disconnect());
  await client.zadd('musicgen:webhooks:due', 'XX', 0, ids[0] ?? '');
  expect(await surviving.process.untilLogged('webhook:delivered')).toMatchObject({ attempt: 2 });
  expect(ids).toEqual([ids[0], ids[0]]);
});
