import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

test('a write that fails leaves nothing behind', async () => {
  await using context = await setup();
  await context.store.put('piece.wav/inner', Buffer.from('x'));
  await expect(context.store.put('piece.wav', Buffer.from('y'))).rejects.toThrow();
  expect(await readdir(context.folder)).toEqual(['piece.wav']);
});

test('a store is found by its URL; other kinds are refused', async () => {
  await using context = await setup();
  await openArtifactStore(`file://${context.folder}`).put('piece.wav', Buffer.from('x'));
  expect((await context.store.open('piece.wav'))?.bytes).toBe(1);
  expect(() => openArtifactStore('ftp://host/folder')).toThrow('ARTIFACT_URL');
});
