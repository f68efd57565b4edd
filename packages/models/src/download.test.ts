import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  answer,
  breakOffAfter,
  breakOffFromStart,
  falsify,
  type HubContent,
  overflow,
  serve,
  serveWhole,
  sha256,
  stallAfter,
  startHub,
} from '../fixtures/hub-server.ts';
import { downloadFiles, refuseFullDisk } from './download-repository.ts';
import { describeRepository, type Hub } from './hub.ts';
import type { Patience } from './patience.ts';

const name = 'someone/some-model';
const weights = Buffer.from(Uint32Array.from({ length: 50_000 }, (_, index) => index * 2654435761).buffer);
const files = { 'config.json': Buffer.from('{}'), 'model.safetensors': weights };
const impatient: Patience = { attempts: 4, firstDelayMs: 1, longestDelayMs: 5, idleMs: 20_000 };

interface Setup {
  content?: Partial<HubContent>;
  patience?: Partial<Patience>;
  token?: string;
}

async function setup({ content, patience, token }: Setup = {}) {
  const server = await startHub({ name, files, ...content });
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-download-'));
  const hub: Hub = { endpoint: server.endpoint, token, patience: { ...impatient, ...patience } };
  const part = join(folder, 'model.safetensors.part');
  return {
    server,
    hub,
    folder,
    part,
    describe: () => describeRepository(hub, { name, revision: 'main' }),
    async download({
      signal,
      onProgress,
    }: {
      signal?: AbortSignal;
      onProgress?: (done: number) => void;
    } = {}) {
      const repository = await describeRepository(hub, { name, revision: 'main' });
      const report = ({ done }: { done: number }) => {
        onProgress?.(done);
        server.received(done);
      };
      await downloadFiles({ hub, repository, files: repository.files, folder, onProgress: report, signal });
    },
    /** The ranges in which the weights were asked for. */
    ranges: () =>
      server.requests
        .filter(({ path }) => path.endsWith('/model.safetensors'))
        .map(({ headers }) => headers.range),
    async [Symbol.asyncDispose]() {
      await server.close();
      await rm(folder, { recursive: true });
    },
  };
}

async function expectComplete({ folder }: { folder: string }) {
  expect((await readdir(folder)).sort()).toEqual(['config.json', 'model.safetensors']);
  // By their digests: comparing long arrays element by element takes Jest seconds.
  expect(sha256(await readFile(join(folder, 'model.safetensors')))).toBe(sha256(weights));
}

test('all files arrive whole, and the progress ends at their size', async () => {
  await using context = await setup();
  const reports: number[] = [];
  await context.download({ onProgress: (done) => reports.push(done) });
  await expectComplete(context);
  expect(reports.at(-1)).toBe(weights.length + 2);
});

test('of many files no more than four are asked for at once', async () => {
  const many = Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [`${index}.json`, Buffer.from('{}')]),
  );
  await using context = await setup({ content: { files: many } });
  let [open, most] = [0, 0];
  for (const file of Object.keys(many)) {
    context.server.fail(file, (exchange) => {
      most = Math.max(most, ++open);
      exchange.response.on('finish', () => open--);
      // Once nothing more can be waiting to come in, all that were asked for at once are here.
      setImmediate(() => setImmediate(() => serve(exchange)));
    });
  }
  await context.download();
  expect(await readdir(context.folder)).toHaveLength(12);
  expect(most).toBeLessThanOrEqual(4);
});

test('a file goes on at the byte where the connection broke off', async () => {
  await using context = await setup();
  context.server.fail('model.safetensors', breakOffAfter(70_000), breakOffAfter(50_000));
  await context.download();
  await expectComplete(context);
  expect(context.ranges()).toEqual(['bytes=0-', 'bytes=70000-', 'bytes=120000-']);
});

test('breaking off again and again is no reason to give up as long as bytes come', async () => {
  await using context = await setup({ patience: { attempts: 2 } });
  context.server.fail('model.safetensors', ...Array.from({ length: 8 }, () => breakOffAfter(20_000)));
  await context.download();
  await expectComplete(context);
});

test('a server that knows no ranges and always breaks off is not asked for ever', async () => {
  await using context = await setup();
  context.server.fail('model.safetensors', ...Array.from({ length: 20 }, () => breakOffFromStart(50_000)));
  await expect(context.download()).rejects.toMatchObject({
    code: 'download_failed',
    message: expect.stringMatching(/^model\.safetensors could not be downloaded after 4 attempts: /),
  });
  expect(context.ranges().length).toBeLessThan(12);
});

test('the next run goes on with what an interrupted one left', async () => {
  await using context = await setup();
  const stop = new AbortController();
  context.server.fail('model.safetensors', stallAfter(60_000));
  const reason = new Error('stopped by the user');
  const onProgress = (done: number) => done >= 60_000 && stop.abort(reason);
  await expect(context.download({ signal: stop.signal, onProgress })).rejects.toBe(reason);
  expect(existsSync(context.part)).toBe(true);
  await context.download();
  await expectComplete(context);
  expect(context.ranges().at(-1)).toBe('bytes=60000-');
});

test('a part that the server has no more bytes for is started over', async () => {
  await using context = await setup();
  await writeFile(context.part, weights.subarray(0, 1000));
  context.server.fail('model.safetensors', answer(416));
  await context.download();
  await expectComplete(context);
  expect(context.ranges()).toEqual(['bytes=1000-', 'bytes=0-']);
});

test('a part that is longer than the file is started over', async () => {
  await using context = await setup();
  await writeFile(context.part, Buffer.alloc(weights.length + 1));
  await context.download();
  await expectComplete(context);
});

test('a part is started over by a server that knows no ranges', async () => {
  await using context = await setup();
  await writeFile(context.part, weights.subarray(0, 1000));
  context.server.fail('model.safetensors', serveWhole);
  await context.download();
  await expectComplete(context);
});

test('another range than was asked for is not taken', async () => {
  await using context = await setup();
  await writeFile(context.part, weights.subarray(0, 1000));
  const { length } = weights;
  context.server.fail('model.safetensors', ({ response }) => {
    response
      .writeHead(206, { 'content-range': `bytes 2000-${length - 1}/${length}` })
      .end(weights.subarray(2000));
  });
  await context.download();
  await expectComplete(context);
});

test('a connection that brings nothing any more is replaced', async () => {
  await using context = await setup({ patience: { idleMs: 500, attempts: 20 } });
  context.server.fail('model.safetensors', stallAfter(1000));
  await context.download();
  await expectComplete(context);
});

test.each([429, 500, 503])('after a %i it asks again', async (status) => {
  await using context = await setup();
  context.server.fail('model.safetensors', answer(status, { 'retry-after': '0' }), answer(status));
  await context.download();
  await expectComplete(context);
});

test('it gives up in the end, and says what the server said', async () => {
  await using context = await setup();
  context.server.fail('model.safetensors', ...Array.from({ length: 4 }, () => answer(429)));
  await expect(context.download()).rejects.toMatchObject({
    code: 'download_failed',
    message: expect.stringMatching(/after 4 attempts: 127\.0\.0\.1:\d+ answered 429$/),
  });
});

test.each([
  ['of the weights', 'model.safetensors'],
  ['of a small file', 'config.json'],
])('a wrong checksum %s is refused, and nothing of the file stays', async (_which, file) => {
  await using context = await setup();
  context.server.fail(file, falsify);
  await expect(context.download()).rejects.toMatchObject({
    code: 'download_failed',
    message: expect.stringContaining(`${file} arrived with another checksum`),
  });
  expect(await readdir(context.folder)).not.toContain(file);
  expect(await readdir(context.folder)).not.toContain(`${file}.part`);
});

test('no more of a file is written than was announced', async () => {
  await using context = await setup();
  context.server.fail('model.safetensors', overflow);
  await context.download();
  await expectComplete(context);
});

test('the token goes to the hub and not to the host that it redirects to', async () => {
  await using context = await setup({ token: 'hf_secret' });
  await using other = await setup();
  const path = `/${name}/resolve/0123456789abcdef0123456789abcdef01234567/model.safetensors`;
  context.server.fail('model.safetensors', answer(302, { location: `${other.server.endpoint}${path}` }));
  await context.download();
  await expectComplete(context);
  expect(context.server.requests.map(({ headers }) => headers.authorization)).toEqual(
    context.server.requests.map(() => 'Bearer hf_secret'),
  );
  expect(other.server.requests).toHaveLength(1);
  expect(other.server.requests[0]?.headers.authorization).toBeUndefined();
});

test('the token is not sent in the clear', async () => {
  const hub = { endpoint: 'http://hub.example', token: 'hf_secret', patience: impatient };
  await expect(describeRepository(hub, { name, revision: 'main' })).rejects.toMatchObject({
    code: 'invalid_request',
    message: 'HF_TOKEN is only sent over https, and HF_ENDPOINT is http://hub.example',
  });
});

test('an unknown repository and one that is refused are told apart', async () => {
  await using context = await setup();
  const ask = (hub: Hub, asked: string) => describeRepository(hub, { name: asked, revision: 'main' });
  await expect(ask(context.hub, 'someone/else')).rejects.toMatchObject({ code: 'model_not_found' });
  await expect(ask(context.hub, '../../etc/passwd')).rejects.toMatchObject({ code: 'invalid_request' });
  context.server.fail('model.safetensors', answer(401));
  await expect(context.download()).rejects.toMatchObject({
    code: 'download_failed',
    message: expect.stringContaining('needs a token in HF_TOKEN'),
  });
});

test('a file that the list names and the server does not have is named', async () => {
  await using context = await setup();
  context.server.fail('model.safetensors', answer(404));
  await expect(context.download()).rejects.toMatchObject({
    code: 'model_not_found',
    message: expect.stringContaining('model.safetensors'),
  });
});

test('a hub that answers something else is told', async () => {
  await using context = await setup({ content: { describe: ({ rfilename }) => ({ rfilename, size: -1 }) } });
  await expect(context.describe()).rejects.toMatchObject({ code: 'download_failed' });
});

test('a disk without room is told before anything is downloaded', async () => {
  await using context = await setup();
  await mkdir(join(context.folder, 'models'));
  await expect(refuseFullDisk(join(context.folder, 'models'), 1e18)).rejects.toMatchObject({
    code: 'storage_failed',
    message: expect.stringContaining('1000000000.00 GB are needed'),
  });
});
