import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createApiKey, hashApiKey } from '@musicgen/access';
import { encodeWav } from '@musicgen/audio';
import { ServiceError } from '@musicgen/contract';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { uploadKey } from '@musicgen/storage';
import request from 'supertest';
import { createTestApp, type TestApp } from '../test-setup.ts';
import { newUploadId, removeExpiredUploads } from '../uploads.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

/** So many seconds of a tone. */
function wav(seconds: number): Buffer {
  const tone = Float32Array.from({ length: seconds * 8_000 }, (_, index) => Math.sin(index / 5) / 2);
  return encodeWav([tone], 8_000).file;
}

function upload({ app }: Pick<TestApp, 'app'>, file: Buffer, { key = '', query = '' } = {}) {
  const sent = request(app).post(`/api/v1/uploads${query}`).set('Content-Type', 'audio/wav');
  return (key === '' ? sent : sent.set('X-API-Key', key)).send(file);
}

async function keysOf({ store }: TestApp): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.list('uploads')) keys.push(key);
  return keys;
}

test('what was sent is kept byte for byte, described, and may be gone on from until it is deleted', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const file = wav(3);
  const { status, body } = await upload(context, file);
  expect([status, body]).toMatchObject([
    201,
    { bytes: file.length, duration: 3, sample_rate: 8_000, channels: 1 },
  ]);
  expect(Date.parse(body.expires_at) - Date.now()).toBeGreaterThan(86_400_000);
  const stored = await context.store.open(uploadKey({ owner: undefined, uploadId: body.id }));
  expect(stored?.bytes).toBe(file.length);

  const generate = () =>
    request(context.app)
      .post('/api/v1/generate')
      .send({ prompt: 'x', continue_from: { upload_id: body.id } });
  expect((await generate()).status).toBe(202);
  expect((await request(context.app).delete(`/api/v1/uploads/${body.id}`)).status).toBe(204);
  expect((await request(context.app).delete(`/api/v1/uploads/${body.id}`)).status).toBe(404);
  expect((await generate()).body.errors).toEqual([
    { pointer: '#/continue_from', detail: 'there is no upload of yours with this id' },
  ]);
});

test('an upload is there for its owner alone, not even for an administrator', async () => {
  const keys = { mine: createApiKey(), other: createApiKey(), admin: createApiKey() };
  const entries = Object.entries(keys).map(
    ([name, key]) => `${name}:${name === 'admin' ? 'admin' : 'generate'}:${hashApiKey(key).toString('hex')}`,
  );
  await using context = await createTestApp({
    redisUrl: server.url,
    env: { API_KEYS: entries.join(' ') },
  });
  const { body } = await upload(context, wav(1), { key: keys.mine });
  const generate = (key: string) =>
    request(context.app)
      .post('/api/v1/generate')
      .set('X-API-Key', key)
      .send({ prompt: 'x', continue_from: { upload_id: body.id } });
  for (const key of [keys.other, keys.admin]) {
    expect((await generate(key)).body.errors?.[0].detail).toBe('there is no upload of yours with this id');
    const deleted = await request(context.app).delete(`/api/v1/uploads/${body.id}`).set('X-API-Key', key);
    expect(deleted.status).toBe(404);
  }
  expect((await generate(keys.mine)).status).toBe(202);
});

test('wrong files are refused with their reason, and nothing of them is kept', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const file = wav(1);
  const refusals: [file: Buffer, status: number, reason: RegExp][] = [
    [Buffer.from('ID3 and then an MP3'), 422, /does not begin with a RIFF\/WAVE header/],
    [Buffer.alloc(0), 422, /RIFF\/WAVE/],
    [file.subarray(0, file.length - 100), 422, /breaks off/],
    [wav(70), 413, /at most 1 MB/],
    [encodeWav([new Float32Array(301_000)], 1_000).file, 413, /301 s long; at most 300 s/],
  ];
  for (const [wrong, status, reason] of refusals) {
    const response = await upload(context, wrong);
    expect([response.status, response.body.detail]).toEqual([status, expect.stringMatching(reason)]);
  }
  const typed = (type: string) =>
    request(context.app).post('/api/v1/uploads').set('Content-Type', type).send(file);
  expect((await typed('audio/mpeg')).status).toBe(415);
  expect((await typed('audio/wav').set('Content-Encoding', 'gzip')).status).toBe(415);
  expect((await upload(context, file, { query: '?ttl=5' })).body.errors[0].parameter).toBe('ttl');
  expect(await keysOf(context)).toEqual([]);
});

test('a file without a length, or one that breaks off on its way, leaves nothing behind', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const listening = context.app.listen(0);
  const { port } = listening.address() as AddressInfo;
  const send = (headers: object) => {
    const req = httpRequest({ port, path: '/api/v1/uploads', method: 'POST', headers: { ...headers } });
    req.on('error', () => {});
    return req.setHeader('Content-Type', 'audio/wav');
  };
  const chunked = send({ 'Transfer-Encoding': 'chunked' }).end(wav(1));
  const [response] = await once(chunked, 'response');
  expect(response.statusCode).toBe(411);
  response.resume();

  const file = wav(20);
  const put = jest.spyOn(context.store, 'put');
  const broken = send({ 'Content-Length': String(file.length) });
  broken.write(file.subarray(0, 100_000));
  // Enough of it comes to begin, and then the store is left to notice that there comes no more.
  while (put.mock.results.length === 0) await delay(5);
  broken.destroy();
  await expect(put.mock.results[0]?.value).rejects.toThrow();
  expect(await keysOf(context)).toEqual([]);
  listening.closeAllConnections();
  listening.close();
});

test('no owner fills the store: beyond so many files the next is refused until one is deleted', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const first = (await upload(context, wav(1))).body;
  for (let more = 0; more < 2; more++) expect((await upload(context, wav(1))).status).toBe(201);
  const refused = await upload(context, wav(1));
  expect([refused.status, refused.body.code]).toEqual([409, 'upload_limit']);
  await request(context.app).delete(`/api/v1/uploads/${first.id}`);
  expect((await upload(context, wav(1))).status).toBe(201);
});

test('an upload that would be removed while the task may still wait is refused by name', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const { body } = await upload(context, wav(1), { query: '?ttl=120' });
  const generate = (ttl: number) =>
    request(context.app)
      .post('/api/v1/generate')
      .send({ prompt: 'x', ttl, continue_from: { upload_id: body.id } });
  expect((await generate(600)).body.errors[0].detail).toMatch(/^the upload is removed at 20/);
  expect((await generate(60)).status).toBe(202);
});

test('uploads are removed at the end of their life, with what crashes left of them, and no others', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  const over = uploadKey({ owner: 'me', uploadId: newUploadId(new Date(Date.now() - 1)) });
  const kept = uploadKey({ owner: undefined, uploadId: newUploadId(new Date(Date.now() + 60_000)) });
  for (const key of [over, `${over}.${randomUUID()}.tmp`, kept]) await context.store.put(key, wav(1));
  expect(await removeExpiredUploads(context.store)).toBe(2);
  expect(await keysOf(context)).toEqual([kept]);
});

test('a store that is full is said, and the file can be sent again', async () => {
  await using context = await createTestApp({ redisUrl: server.url });
  jest
    .spyOn(context.store, 'put')
    .mockRejectedValueOnce(new ServiceError('storage_failed', 'The disk is full.'));
  expect((await upload(context, wav(1))).body).toMatchObject({ code: 'storage_failed' });
  expect((await upload(context, wav(1))).status).toBe(201);
});
