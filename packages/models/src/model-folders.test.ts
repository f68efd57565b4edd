import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findChangedFiles, readManifest, writeManifest } from './manifest.ts';
import { createModelFolder, listModelIds, modelFolder, removeModel } from './model-folders.ts';

async function setup() {
  const models = await mkdtemp(join(tmpdir(), 'musicgen-models-'));
  return {
    models,
    async addModel(id: string) {
      await mkdir(join(models, id, 'onnx'), { recursive: true });
      await writeFile(join(models, id, 'config.json'), '{"model_type": "musicgen"}');
      await writeFile(join(models, id, 'onnx', 'decoder.onnx'), 'weights');
      return join(models, id);
    },
    [Symbol.asyncDispose]: () => rm(models, { recursive: true }),
  };
}

test('model folders are listed by name; what is hidden or no model is not', async () => {
  await using context = await setup();
  for (const id of ['small-int8', 'large', '.small-half-written']) await context.addModel(id);
  await mkdir(join(context.models, 'notes'));
  expect(await listModelIds(context.models)).toEqual(['large', 'small-int8']);
  expect(await listModelIds(join(context.models, 'nowhere'))).toEqual([]);
});

test('a removed model is gone whole', async () => {
  await using context = await setup();
  await context.addModel('small');
  await removeModel(context.models, 'small');
  expect(await readdir(context.models)).toEqual([]);
});

test('what is no model is neither named nor removed', async () => {
  await using context = await setup();
  await mkdir(join(context.models, 'notes'));
  for (const id of ['notes', 'absent']) {
    await expect(removeModel(context.models, id)).rejects.toMatchObject({ code: 'model_not_found' });
  }
  expect(await readdir(context.models)).toEqual(['notes']);
  for (const id of ['..', '../x', 'a/b', 'a\\b', '', '.hidden', '/etc']) {
    expect(() => modelFolder(context.models, id)).toThrow('is no model id');
  }
});

test('a folder appears when it is complete', async () => {
  await using context = await setup();
  const target = join(context.models, 'new');
  await createModelFolder(target, async (folder) => {
    await mkdir(folder);
    await writeFile(join(folder, 'config.json'), '{}');
    expect(await readdir(context.models)).not.toContain('new');
  });
  expect(await readdir(context.models)).toEqual(['new']);
  await expect(createModelFolder(target, async () => {})).rejects.toMatchObject({ code: 'storage_failed' });
});

test('a folder that could not be completed leaves nothing', async () => {
  await using context = await setup();
  const fill = async (folder: string) => {
    await mkdir(folder);
    throw new Error('out of ideas');
  };
  await expect(createModelFolder(join(context.models, 'new'), fill)).rejects.toThrow('out of ideas');
  expect(await readdir(context.models)).toEqual([]);
});

test('a manifest finds what was changed, lost and added', async () => {
  await using context = await setup();
  const folder = await context.addModel('small');
  await writeFile(join(folder, 'tokenizer.json'), '{}');
  await writeManifest(folder, { layout: 'standard', precision: 'fp32', licence: 'cc0-1.0' });
  const manifest = await readManifest(folder);
  if (manifest === undefined) throw new Error('no manifest was written');
  expect(manifest.files.map(({ path }) => path)).toEqual([
    'config.json',
    'onnx/decoder.onnx',
    'tokenizer.json',
  ]);
  expect(await findChangedFiles(folder, manifest)).toEqual([]);
  await writeFile(join(folder, 'onnx', 'decoder.onnx'), 'wEights');
  await writeFile(join(folder, 'config.json'), '{}');
  await rm(join(folder, 'tokenizer.json'));
  await writeFile(join(folder, 'extra.json'), '{}');
  expect(await findChangedFiles(folder, manifest)).toEqual([
    'config.json has 2 bytes instead of 26',
    'onnx/decoder.onnx has another checksum than when it was installed',
    'tokenizer.json is missing',
    'extra.json was not there when the model was installed',
  ]);
});

test('a manifest that is not one of ours is refused by name', async () => {
  await using context = await setup();
  const folder = await context.addModel('small');
  expect(await readManifest(folder)).toBeUndefined();
  await writeManifest(folder, { layout: 'standard', precision: 'fp32' });
  const path = join(folder, 'musicgen-manifest.json');
  await writeFile(path, (await readFile(path, 'utf8')).slice(0, 40));
  await expect(readManifest(folder)).rejects.toThrow(/^musicgen-manifest\.json cannot be read/);
});
