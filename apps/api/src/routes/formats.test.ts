import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { finishPieceInThread, readProvenance } from '@musicgen/audio';
import { type RedisServer, startRedisServer } from '@musicgen/redis-server';
import request from 'supertest';
import { completedTask, createTestApp } from '../test-setup.ts';

// Encoders start in threads of their own on a machine that may be busy.
jest.setTimeout(120_000);

const provenance = {
  software: 'musicgen-service 0',
  task_id: 'a task',
  model: 'tiny',
  licence: 'MIT',
  prompt: 'lofi',
  seed: 7,
  parameters: { duration: 2 },
};

let server: RedisServer;
/** Two seconds of a real piece, as a worker stores it. */
let file: Buffer;
beforeAll(async () => {
  server = await startRedisServer({ settings: { appendonly: 'no' } });
  const samples = [Float32Array.from({ length: 64_000 }, (_, index) => Math.sin(index / 20) / 2)];
  const piece = await finishPieceInThread({ samples, sampleRate: 32_000, format: 'wav', provenance });
  file = Buffer.from(piece.wav);
});
afterAll(() => server.stop());

async function setup(body: object = {}) {
  const context = await createTestApp({ redisUrl: server.url });
  const id = await completedTask(context, body, file);
  return { ...context, id, path: `/api/v1/tasks/${id}` };
}

test.each([
  ['flac', 'audio/flac'],
  ['mp3', 'audio/mpeg'],
  ['ogg', 'audio/ogg'],
])('%s is made when it is asked for, with the tags of the original', async (format, type) => {
  await using context = await setup();
  const answer = await request(context.app)
    .get(`${context.path}/audio?format=${format}`)
    .responseType('blob');
  expect([answer.status, answer.type]).toEqual([200, type]);
  expect(await readProvenance(Readable.from([answer.body]))).toEqual({ format, made_by: provenance });
});

test('what was made is kept, is served in ranges, and is known by a strong validator of its own', async () => {
  await using context = await setup();
  const path = `${context.path}/audio?format=mp3`;
  const whole = await request(context.app).get(path).responseType('blob');
  const { etag = '', vary } = whole.headers;
  expect([etag, vary]).toEqual([
    expect.stringMatching(/^"[0-9a-f]{64}-mp3-\d+"$/),
    expect.stringContaining('Accept'),
  ]);
  const range = await request(context.app)
    .get(path)
    .set({ Range: 'bytes=10-19', 'If-Range': etag })
    .responseType('blob');
  expect([range.status, range.body]).toEqual([206, whole.body.subarray(10, 20)]);
  expect((await request(context.app).get(path).set('If-None-Match', etag)).status).toBe(304);
  const head = await request(context.app).head(path);
  expect(head.headers['content-length']).toBe(String(whole.body.length));
  const download = await request(context.app).get(`${path}&download=1`);
  expect([download.type, download.headers['content-disposition']]).toEqual([
    'audio/mpeg',
    `attachment; filename=${context.id}.mp3`,
  ]);
});

test.each([
  ['audio/flac', 'wav', 'audio/flac'],
  ['audio/x-wav', 'mp3', 'audio/wav'],
  ['audio/ogg;q=0.5, audio/mpeg', 'wav', 'audio/mpeg'],
  ['*/*', 'ogg', 'audio/ogg'],
  ['audio/*', 'mp3', 'audio/mpeg'],
])('Accept: %s on a task that asked for %s gets %s', async (accept, format, type) => {
  await using context = await setup({ format });
  const answer = await request(context.app).head(`${context.path}/audio`).set('Accept', accept);
  expect([answer.status, answer.headers['content-type']]).toEqual([200, type]);
});

test.each([
  ['?format=aac', {}],
  ['', { Accept: 'video/mp4' }],
])('what cannot be had is refused with what can: %s %j', async (query, headers) => {
  await using context = await setup();
  const answer = await request(context.app).get(`${context.path}/audio${query}`).set(headers);
  expect([answer.status, answer.body.code]).toEqual([406, 'not_acceptable']);
  expect(answer.body.detail).toContain('wav (audio/wav), flac');
});

test('a task says where its audio is, in the format it asked for and in all others', async () => {
  await using context = await setup({ format: 'mp3' });
  const { body } = await request(context.app).get(context.path);
  expect(body.result.audio_url).toBe(`${context.path}/audio?format=mp3`);
  expect(Object.keys(body.result.audio_urls)).toEqual(['wav', 'flac', 'mp3', 'ogg']);
  expect((await request(context.app).head(body.result.audio_urls.wav)).status).toBe(200);
});

test('peaks come in as many points as asked for', async () => {
  await using context = await setup();
  const usual = await request(context.app).get(`${context.path}/peaks`);
  expect(usual.body).toMatchObject({ duration: 2, sample_rate: 32_000, channels: 1, points: 1000 });
  expect(usual.body.peaks[0].length).toBe(2000);
  expect(Math.max(...usual.body.peaks[0])).toBe(0.5);
  const few = await request(context.app).get(`${context.path}/peaks?points=3`);
  expect(few.body).toMatchObject({ points: 3, peaks: [[-0.5, 0.5, -0.5, 0.5, -0.5, 0.5]] });
  expect(few.headers.etag).not.toBe(usual.headers.etag);
  const again = await request(context.app)
    .get(`${context.path}/peaks`)
    .set('If-None-Match', usual.headers.etag ?? '');
  expect(again.status).toBe(304);
  const none = await request(context.app).get(`${context.path}/peaks?points=0`);
  expect([none.status, none.body.errors[0].parameter]).toEqual([422, 'points']);
});

test.each([
  ['waveform.svg', 'image/svg+xml', '<svg'],
  ['spectrogram.png', 'image/png', '\x89PNG'],
])('%s is a picture that may be kept', async (name, type, start) => {
  await using context = await setup();
  const picture = await request(context.app).get(`${context.path}/${name}`).responseType('blob');
  expect([picture.status, picture.type]).toEqual([200, type]);
  expect(picture.body.toString('latin1', 0, start.length)).toBe(start);
  const again = await request(context.app)
    .get(`${context.path}/${name}`)
    .set('If-None-Match', picture.headers.etag ?? '');
  expect(again.status).toBe(304);
});

test.each(['peaks', 'waveform.svg', 'spectrogram.png', 'audio?format=ogg'])(
  '%s of audio that was removed is gone, of a task that waits not there yet',
  async (name) => {
    await using context = await setup();
    await context.store.remove(`tasks/${context.id}`);
    const gone = await request(context.app).get(`${context.path}/${name}`);
    expect([gone.status, gone.body.code]).toEqual([410, 'gone']);
    const { body } = await request(context.app).post('/api/v1/generate').send({ prompt: 'x' });
    const early = await request(context.app).get(`${body.links.self}/${name}`);
    expect([early.status, early.body.code]).toEqual([409, 'task_not_finished']);
  },
);

test('a store that is away is told as such, for stored and for made files', async () => {
  await using context = await setup();
  await request(context.app).get(`${context.path}/audio?format=mp3`);
  // What was a folder cannot be looked into any more.
  await context.store.remove(`tasks/${context.id}`);
  await context.store.put(`tasks/${context.id}`, Buffer.from('in the way'));
  for (const name of ['audio', 'audio?format=mp3', 'peaks', 'waveform.svg', 'spectrogram.png']) {
    const answer = await request(context.app).get(`${context.path}/${name}`);
    expect([answer.status, answer.body.code]).toEqual([503, 'dependency_unavailable']);
    expect(answer.headers['retry-after']).toBeDefined();
    expect(answer.headers.etag).toBeUndefined();
  }
});

describe('inspect', () => {
  const inspect = (app: Parameters<typeof request>[0], type: string) =>
    request(app).post('/api/v1/inspect').set('Content-Type', type);

  test('tells what a file of ours was made from, whatever it is called', async () => {
    await using context = await setup();
    const own = await inspect(context.app, 'audio/wav').send(file);
    expect([own.status, own.body]).toEqual([200, { format: 'wav', made_by: provenance }]);
    const flac = await request(context.app).get(`${context.path}/audio?format=flac`).responseType('blob');
    const made = await inspect(context.app, 'audio/x-wav').send(flac.body);
    expect(made.body).toEqual({ format: 'flac', made_by: provenance });
  });

  test('of a file without our tags it is not ours', async () => {
    await using context = await setup();
    const { wav } = await finishPieceInThread({
      samples: [new Float32Array(100)],
      sampleRate: 32_000,
      format: 'wav',
    });
    expect((await inspect(context.app, 'audio/wav').send(Buffer.from(wav))).body).toEqual({
      format: 'wav',
      made_by: null,
    });
  });

  test('refuses what is no audio, what does not say so, and what is too large', async () => {
    await using context = await setup();
    const noise = await inspect(context.app, 'audio/ogg').send(Buffer.from('hello, hello'));
    expect([noise.status, noise.body.code]).toEqual([422, 'unreadable_audio']);
    const untyped = await inspect(context.app, 'text/plain').send('hello');
    expect([untyped.status, untyped.body.code]).toEqual([415, 'unsupported_media_type']);
    const announced = await inspect(context.app, 'audio/wav')
      .set('Content-Length', String(2 ** 31))
      .send();
    expect([announced.status, announced.body.code]).toEqual([413, 'payload_too_large']);
  });
});

test('what a client is sent is what lies in the store', async () => {
  await using context = await setup();
  const sent = await request(context.app).get(`${context.path}/audio?format=ogg`).responseType('blob');
  const again = await request(context.app).get(`${context.path}/audio?format=ogg`).responseType('blob');
  expect(sent.body.equals(again.body)).toBe(true);
  const artifact = await context.store.open(`tasks/${context.id}/${sent.headers.etag?.slice(1, 65)}.1.ogg`);
  expect(artifact && (await buffer(await artifact.read())).equals(sent.body)).toBe(true);
});
