import { randomUUID } from 'node:crypto';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import { audioKey, previewKey } from '@musicgen/storage';
import request from 'supertest';
import {
  audio,
  claimNext,
  completedTask,
  createTestApp,
  result,
  sha256,
  submit,
  type TestApp,
} from '../test-setup.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
});
afterAll(() => server.stop());

describe('audio', () => {
  test('is not there before the task has finished', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x' });
    const response = await request(context.app).get(body.links.audio);
    expect([response.status, response.body.code]).toEqual([409, 'task_not_finished']);
  });

  test('comes whole, with a strong validator that saves the next download', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const id = await completedTask(context);
    const path = `/api/v1/tasks/${id}/audio`;
    const whole = await request(context.app).get(path).responseType('blob');
    expect([whole.status, whole.type, whole.headers['accept-ranges']]).toEqual([200, 'audio/wav', 'bytes']);
    expect(whole.body).toEqual(audio);
    const etag = whole.headers.etag ?? '';
    expect(etag).toMatch(/^"[0-9a-f]{64}"$/);
    expect((await request(context.app).get(path).set('If-None-Match', etag)).status).toBe(304);
    const head = await request(context.app).head(path);
    expect(head.headers['content-length']).toBe(String(audio.length));
    const download = await request(context.app).get(`${path}?download=1`);
    expect(download.headers['content-disposition']).toBe(`attachment; filename=${id}.wav`);
  });

  test.each([
    ['bytes=0-3', 206, 'bytes 0-3/28'],
    ['bytes=-4', 206, 'bytes 24-27/28'],
    ['bytes=20-', 206, 'bytes 20-27/28'],
    ['bytes=99-', 416, 'bytes */28'],
    ['bytes=0-1,5-6', 200, undefined],
    ['nonsense', 200, undefined],
  ])('a range of %s is answered with %d', async (range, status, contentRange) => {
    await using context = await createTestApp({ redisUrl: server.url });
    const id = await completedTask(context);
    const response = await request(context.app)
      .get(`/api/v1/tasks/${id}/audio`)
      .set('Range', range)
      .responseType('blob');
    expect([response.status, response.headers['content-range']]).toEqual([status, contentRange]);
    if (status === 206) expect(response.body.length).toBe(Number(response.headers['content-length']));
  });

  test('a refused range carries nothing that describes the file', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const id = await completedTask(context);
    const { headers } = await request(context.app)
      .get(`/api/v1/tasks/${id}/audio?download=1`)
      .set('Range', 'bytes=99-');
    for (const name of ['etag', 'cache-control', 'repr-digest', 'content-disposition'])
      expect(headers[name]).toBeUndefined();
  });

  test('HEAD knows no ranges', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const id = await completedTask(context);
    const head = await request(context.app).head(`/api/v1/tasks/${id}/audio`).set('Range', 'bytes=0-3');
    expect([head.status, head.headers['content-length']]).toEqual([200, String(audio.length)]);
  });

  test('a range of an older version gets the whole', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const id = await completedTask(context);
    const response = await request(context.app)
      .get(`/api/v1/tasks/${id}/audio`)
      .set({ Range: 'bytes=0-3', 'If-Range': '"older"' });
    expect(response.status).toBe(200);
  });

  test('that was removed is gone', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const id = await completedTask(context);
    await context.store.remove(audioKey(id, sha256));
    const response = await request(context.app).get(`/api/v1/tasks/${id}/audio`);
    expect([response.status, response.body.code]).toEqual([410, 'gone']);
  });
});

describe('a preview', () => {
  const preview = (context: TestApp, id: string, query = '') =>
    request(context.app).get(`/api/v1/tasks/${id}/audio?preview=1${query}`);

  test('grows while the task is made, costs nothing when nothing is new, and ends in the finished audio', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x', preview: true });
    expect(body.links.preview).toBe(`/api/v1/tasks/${body.id}/audio?preview=1`);
    const early = await preview(context, body.id);
    expect([early.status, early.body.code, early.headers['retry-after']]).toEqual([
      409,
      'task_not_finished',
      '2',
    ]);

    const claim = await claimNext(context.consumer);
    await context.store.put(previewKey(body.id), Buffer.from('0123'));
    const first = await preview(context, body.id).responseType('blob');
    expect([first.status, first.type, first.headers['cache-control'], String(first.body)]).toEqual([
      200,
      'audio/wav',
      'private, no-cache',
      '0123',
    ]);
    const etag = first.headers.etag ?? '';
    expect((await preview(context, body.id).set('If-None-Match', etag)).status).toBe(304);
    await context.store.put(previewKey(body.id), Buffer.from('0123456'));
    const grown = await preview(context, body.id).set('If-None-Match', etag).responseType('blob');
    expect(String(grown.body)).toBe('0123456');
    const missing = await preview(context, body.id).set('Range', 'bytes=4-').responseType('blob');
    expect([missing.status, String(missing.body)]).toEqual([206, '456']);

    await context.store.put(audioKey(body.id, sha256), audio);
    await context.consumer.complete(claim, { ...result, sha256, bytes: audio.length });
    await context.store.remove(previewKey(body.id));
    const finished = await preview(context, body.id).responseType('blob');
    expect([finished.body, finished.headers.etag]).toEqual([audio, `"${sha256}"`]);
    expect((await request(context.app).get(body.links.self)).body.links.preview).toBeNull();
  });

  test('that is replaced while it is read is read again, and an endless change is not waited for', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x', preview: true });
    const { open } = context.store;
    let changes = 1;
    context.store.open = async (key) => {
      const found = await open(key);
      if (changes-- > 0) await context.store.put(key, Buffer.alloc(100 + changes));
      return found;
    };
    await context.store.put(previewKey(body.id), Buffer.from('0123'));
    expect((await preview(context, body.id)).headers['content-length']).toBe('100');
    changes = 10;
    expect((await preview(context, body.id)).status).toBe(410);
  });

  test('has to be asked for, is WAV only, and only of what is there', async () => {
    await using context = await createTestApp({ redisUrl: server.url });
    const { body } = await submit(context, { prompt: 'x' });
    expect(body.links.preview).toBeNull();
    expect((await preview(context, body.id)).body.detail).toMatch(/without `preview`/);
    expect((await preview(context, body.id, '&format=mp3')).status).toBe(406);
    await request(context.app).post(body.links.cancel);
    expect((await preview(context, body.id)).body.code).toBe('task_cancelled');
    expect((await preview(context, randomUUID())).status).toBe(404);
  });
});
