import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { audioKey, createDiskStore, taskKey } from '@musicgen/storage';
import { createRenditions, type RenditionRequest } from './renditions.ts';

const sha256 = '0'.repeat(64);

async function setup({ isThere = async () => true } = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-renditions-'));
  const store = createDiskStore(folder);
  const taskId = randomUUID();
  await store.put(audioKey(taskId, sha256), Buffer.from('audio'));
  const started: string[] = [];
  let finish = () => {};
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const warnings: string[] = [];
  const renditions = createRenditions({
    store,
    logger: { warn: (message: string) => void warnings.push(message) } as never,
    isThere,
    async make(_wav, rendition) {
      started.push(rendition);
      await finished;
      return Buffer.from(`made ${rendition}`);
    },
  });
  const ask = (rendition: RenditionRequest['rendition'], expiresAt = Date.now() + 3_600_000) =>
    renditions.open({ taskId, sha256, expiresAt, rendition });
  return {
    store,
    taskId,
    started,
    finish,
    warnings,
    ask,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

const contentOf = async (artifact: Awaited<ReturnType<ReturnType<typeof createRenditions>['open']>>) =>
  artifact && String(await buffer(await artifact.read()));

test('ten who ask at once wait for one making, and who comes later finds it', async () => {
  await using context = await setup();
  const asked = Array.from({ length: 10 }, () => context.ask('mp3'));
  context.finish();
  const contents = await Promise.all((await Promise.all(asked)).map(contentOf));
  expect(contents).toEqual(Array.from({ length: 10 }, () => 'made mp3'));
  expect(await contentOf(await context.ask('mp3'))).toBe('made mp3');
  expect(context.started).toEqual(['mp3']);
});

test('a file that cannot be kept is served all the same', async () => {
  await using context = await setup();
  context.store.put = async () => {
    throw new Error('no space left on device');
  };
  context.finish();
  expect(await contentOf(await context.ask('mp3'))).toBe('made mp3');
  expect(context.warnings).toEqual(['rendition not kept']);
});

test('what was made of a task that was removed meanwhile is removed, too', async () => {
  await using context = await setup({ isThere: async () => false });
  context.finish();
  expect(await contentOf(await context.ask('mp3'))).toBe('made mp3');
  await context.store.remove(audioKey(context.taskId, sha256));
  expect(await context.ask('mp3')).toBeUndefined();
});

test('a task that goes within a minute gets no new files', async () => {
  await using context = await setup();
  context.finish();
  expect(await contentOf(await context.ask('mp3', Date.now() + 1_000))).toBe('made mp3');
  expect(await contentOf(await context.ask('mp3', Date.now() + 1_000))).toBe('made mp3');
  expect(context.started).toEqual(['mp3', 'mp3']);
  await context.store.remove(taskKey(context.taskId));
});

test('a making that fails is tried again by the next who asks', async () => {
  await using context = await setup();
  let failures = 1;
  const renditions = createRenditions({
    store: context.store,
    logger: { warn: () => {} } as never,
    isThere: async () => true,
    async make() {
      if (failures-- > 0) throw new Error('the thread died');
      return Buffer.from('made');
    },
  });
  const request: RenditionRequest = {
    taskId: context.taskId,
    sha256,
    expiresAt: Date.now() + 3_600_000,
    rendition: 'ogg',
  };
  await expect(renditions.open(request)).rejects.toThrow('the thread died');
  expect(await contentOf(await renditions.open(request))).toBe('made');
});
