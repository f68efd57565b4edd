import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Artifact, ArtifactStore } from './artifact-store.ts';
import { createDiskStore } from './disk-store.ts';
import { createS3Store } from './s3-store.ts';
import { bucket, credentials, region, startS3Server } from './test-setup.ts';

interface Setup extends AsyncDisposable {
  store: ArtifactStore;
}

async function diskSetup(): Promise<Setup> {
  const folder = await mkdtemp(join(tmpdir(), 'musicgen-store-'));
  return {
    store: createDiskStore(folder),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

async function s3Setup(): Promise<Setup> {
  const server = await startS3Server();
  const { endpoint } = server;
  return {
    store: createS3Store({ ...credentials, endpoint, region, bucket, prefix: 'a/prefix', pausesMs: [] }),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

async function found(store: ArtifactStore, key: string): Promise<Artifact> {
  const artifact = await store.open(key);
  if (artifact === undefined) throw new Error(`nothing is stored as ${key}`);
  return artifact;
}

async function keysUnder(store: ArtifactStore, key: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const found of store.list(key)) keys.push(found);
  return keys.sort();
}

describe.each([
  ['a disk', diskSetup],
  ['an S3 server', s3Setup],
])('a store on %s', (_kind, setup) => {
  test('gives back what was put, whole and in part', async () => {
    await using context = await setup();
    await context.store.put('tasks/one/audio.wav', Buffer.from('0123456789'));
    const artifact = await found(context.store, 'tasks/one/audio.wav');
    expect(artifact.bytes).toBe(10);
    expect(String(await buffer(await artifact.read()))).toBe('0123456789');
    expect(String(await buffer(await artifact.read({ start: 2, end: 4 })))).toBe('234');
    expect(String(await buffer(await artifact.read({ start: 9, end: 9 })))).toBe('9');
  });

  test('holds something of no length', async () => {
    await using context = await setup();
    await context.store.put('empty.wav', new Uint8Array());
    const artifact = await found(context.store, 'empty.wav');
    expect([artifact.bytes, (await buffer(await artifact.read())).length]).toEqual([0, 0]);
  });

  test('holds a megabyte byte for byte', async () => {
    await using context = await setup();
    const content = Buffer.from(Uint8Array.from({ length: 1_000_000 }, (_, index) => (index * index) % 251));
    await context.store.put('large.wav', content);
    const artifact = await found(context.store, 'large.wav');
    expect((await buffer(await artifact.read())).equals(content)).toBe(true);
  });

  test('has nothing under a key that was never put', async () => {
    await using context = await setup();
    expect(await context.store.open('tasks/none/audio.wav')).toBeUndefined();
  });

  test('replaces what is put again', async () => {
    await using context = await setup();
    await context.store.put('piece.wav', Buffer.from('first take'));
    await context.store.put('piece.wav', Buffer.from('second'));
    expect((await found(context.store, 'piece.wav')).bytes).toBe(6);
  });

  test('removes one artifact, and nothing twice', async () => {
    await using context = await setup();
    await context.store.put('piece.wav', Buffer.from('x'));
    await context.store.remove('piece.wav');
    await context.store.remove('piece.wav');
    expect(await context.store.open('piece.wav')).toBeUndefined();
  });

  test('removes everything under a name, however much it is, and nothing beside it', async () => {
    await using context = await setup();
    const names = Array.from({ length: 8 }, (_, index) => `tasks/one/${index}.wav`);
    for (const name of [...names, 'tasks/one-more/a.wav', 'tasks/two/a.wav'])
      await context.store.put(name, Buffer.from('x'));
    await context.store.remove('tasks/one');
    for (const name of names) expect(await context.store.open(name)).toBeUndefined();
    expect((await found(context.store, 'tasks/one-more/a.wav')).bytes).toBe(1);
    expect((await found(context.store, 'tasks/two/a.wav')).bytes).toBe(1);
  });

  test('takes what arrives piece by piece', async () => {
    await using context = await setup();
    const parts = Array.from({ length: 40 }, (_, index) => Buffer.alloc(10_000, index));
    await context.store.put('uploads/open/one', { bytes: 400_000, stream: Readable.from(parts) });
    const artifact = await found(context.store, 'uploads/open/one');
    expect((await buffer(await artifact.read())).equals(Buffer.concat(parts))).toBe(true);
  });

  test('keeps nothing of what breaks off on its way', async () => {
    await using context = await setup();
    async function* broken() {
      yield Buffer.alloc(10);
      throw new Error('the sender went away');
    }
    const content = { bytes: 20, stream: Readable.from(broken()) };
    await expect(context.store.put('uploads/open/one', content)).rejects.toMatchObject({
      code: 'storage_failed',
    });
    expect(await keysUnder(context.store, 'uploads')).toEqual([]);
  });

  test('lists what lies under a name, at any depth, and nothing beside it', async () => {
    await using context = await setup();
    const keys = ['uploads/open/a', 'uploads/open/b', 'uploads/keys/me/c', 'uploads/keys/me/d'];
    for (const key of [...keys, 'uploads-too/e']) await context.store.put(key, Buffer.from('x'));
    expect(await keysUnder(context.store, 'uploads')).toEqual([...keys].sort());
    expect(await keysUnder(context.store, 'nothing')).toEqual([]);
  });

  test('says that something is gone which was replaced after it was found', async () => {
    await using context = await setup();
    await context.store.put('preview.wav', Buffer.from('short'));
    const artifact = await found(context.store, 'preview.wav');
    await context.store.put('preview.wav', Buffer.from('longer'));
    await expect(artifact.read()).rejects.toMatchObject({ code: 'gone' });
  });

  test('says that something is gone which was removed after it was found', async () => {
    await using context = await setup();
    await context.store.put('piece.wav', Buffer.from('x'));
    const artifact = await found(context.store, 'piece.wav');
    await context.store.remove('piece.wav');
    await expect(artifact.read()).rejects.toMatchObject({ code: 'gone' });
  });

  test.each(['../secret', 'a/../../b', '/etc/passwd', 'a//b', '', 'a\0b', '.hidden/../x', 'a b', 'ä'])(
    'refuses the key %j',
    async (key) => {
      await using context = await setup();
      await expect(context.store.open(key)).rejects.toThrow(RangeError);
      await expect(context.store.put(key, Buffer.from('x'))).rejects.toThrow(RangeError);
      await expect(context.store.remove(key)).rejects.toThrow(RangeError);
    },
  );
});
