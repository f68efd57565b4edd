import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { createDiskStore } from './disk-store.ts';
import { openArtifactStore } from './open-artifact-store.ts';

async function setup() {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-store-'));
  return {
    folder,
    store: createDiskStore(folder),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

test('what was put can be read, whole and in part', async () => {
  await using context = await setup();
  await context.store.put('tasks/one/audio.wav', Buffer.from('0123456789'));
  const artifact = await context.store.open('tasks/one/audio.wav');
  if (artifact === undefined) throw new Error('nothing was stored');
  expect(artifact.bytes).toBe(10);
  expect(String(await buffer(await artifact.read()))).toBe('0123456789');
  expect(String(await buffer(await artifact.read({ start: 2, end: 4 })))).toBe('234');
});

test('putting again replaces, removing twice is no error, and nothing temporary stays', async () => {
  await using context = await setup();
  await context.store.put('piece.wav', Buffer.from('first take'));
  await context.store.put('piece.wav', Buffer.from('second'));
  expect((await context.store.open('piece.wav'))?.bytes).toBe(6);
  expect(await readdir(context.folder)).toEqual(['piece.wav']);
  await context.store.remove('piece.wav');
  await context.store.remove('piece.wav');
  expect(await context.store.open('piece.wav')).toBeUndefined();
});

test('everything under a name is removed at once', async () => {
  await using context = await setup();
  await context.store.put('tasks/one/a.wav', Buffer.from('x'));
  await context.store.put('tasks/one/b.wav', Buffer.from('x'));
  await context.store.put('tasks/two/a.wav', Buffer.from('x'));
  await context.store.remove('tasks/one');
  expect(await context.store.open('tasks/one/b.wav')).toBeUndefined();
  expect((await context.store.open('tasks/two/a.wav'))?.bytes).toBe(1);
});

test('a write that fails leaves nothing behind', async () => {
  await using context = await setup();
  await context.store.put('piece.wav/inner', Buffer.from('x'));
  await expect(context.store.put('piece.wav', Buffer.from('y'))).rejects.toThrow();
  expect(await readdir(context.folder)).toEqual(['piece.wav']);
});

test.each(['../secret', 'a/../../b', '/etc/passwd', 'a//b', '', 'a\0b', '.hidden/../x'])(
  'the key %j is refused',
  async (key) => {
    await using context = await setup();
    await expect(context.store.open(key)).rejects.toThrow(RangeError);
  },
);

test('a store is found by its URL; other kinds are refused', async () => {
  await using context = await setup();
  await openArtifactStore(`file://${context.folder}`).put('piece.wav', Buffer.from('x'));
  expect((await context.store.open('piece.wav'))?.bytes).toBe(1);
  expect(() => openArtifactStore('ftp://host/folder')).toThrow('ARTIFACT_URL');
});
