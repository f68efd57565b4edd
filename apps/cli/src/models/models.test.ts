import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  breakOffFromStart,
  falsify,
  type HubContent,
  type HubServer,
  stallAfter,
  startHub,
} from '../../../../packages/models/fixtures/hub-server.ts';
import { type CommandLine, createCommandLine, tinyRepository } from '../test-setup.ts';

const name = 'someone/musicgen-tiny';
const converted = ['--precision', 'fp32', '--layout', 'standard'];

async function setup(content: Partial<HubContent> = {}) {
  const files = content.files ?? (await tinyRepository());
  const hub = await startHub({ name, licence: 'cc-by-nc-4.0', ...content, files });
  const cli = await createCommandLine({ HF_ENDPOINT: hub.endpoint });
  return {
    hub,
    cli,
    files,
    async [Symbol.asyncDispose]() {
      await hub.close();
      await cli[Symbol.asyncDispose]();
    },
  };
}

const askedFor = (hub: HubServer, file: string) =>
  hub.requests.filter(({ path }) => path.endsWith(file)).length;

async function writeCheckpoint(cli: CommandLine): Promise<string> {
  const folder = join(cli.folder, 'checkpoint');
  await mkdir(folder);
  for (const [file, content] of Object.entries(await tinyRepository()))
    await writeFile(join(folder, file), content);
  return folder;
}

async function expectNoModel({ models }: CommandLine): Promise<void> {
  const left = await readdir(models).catch(() => []);
  expect(left.filter((entry) => entry !== '.downloads')).toEqual([]);
}

test('a checkpoint is pulled through a broken connection, converted, listed, verified and removed', async () => {
  await using context = await setup();
  const { cli, hub } = context;
  hub.fail('model.safetensors', breakOffFromStart(1_000_000));

  const pulled = await cli.run(['models', 'pull', name, '--json']);
  expect(pulled.stderr).toContain(
    'The weights are licensed cc-by-nc-4.0: they may not be used for commercial',
  );
  expect(pulled.stderr).toContain('100 %');
  expect(pulled.code).toBe(0);
  const id = 'musicgen-tiny-int8';
  expect(JSON.parse(pulled.stdout)).toMatchObject({ id, layout: 'fast', precision: 'int8', channels: 1 });
  expect((await readdir(cli.models)).sort()).toEqual(['.downloads', id]);
  expect(await readdir(join(cli.models, '.downloads'))).toEqual([]);

  const listed = await cli.run(['models', 'list', '--json']);
  expect(JSON.parse(listed.stdout)).toMatchObject([
    { id: 'musicgen-micro', default: true, licence: 'CC0-1.0', problem: null },
    {
      id,
      default: false,
      layout: 'fast',
      precision: 'int8',
      licence: 'cc-by-nc-4.0',
      sample_rate: 32_000,
      channels: 1,
      source: { repository: name },
      problem: null,
    },
  ]);

  const verified = await cli.run(['models', 'verify', id]);
  expect(verified.stdout).toMatch(/files are as installed; all graphs load and one frame was generated/);
  expect(verified.code).toBe(0);

  const removed = await cli.run(['models', 'remove', id, '--yes']);
  expect(removed.code).toBe(0);
  await expectNoModel(cli);
});

test('graphs of a repository are taken as they are, and the download can be kept', async () => {
  const { 'model.safetensors': _, ...descriptions } = await tinyRepository();
  const onnx = new URL('../../../../models/musicgen-tiny/onnx/', import.meta.url);
  const graphs: Record<string, Buffer> = {};
  for (const file of await readdir(onnx)) graphs[`onnx/${file}`] = await readFile(new URL(file, onnx));
  await using context = await setup({
    files: { ...descriptions, ...graphs, 'onnx/decoder_model_merged_fp16.onnx': Buffer.from('x') },
  });
  const { cli, hub } = context;
  const pull = ['models', 'pull', name, '--precision', 'fp32', '--keep', '--name'];
  const pulled = await cli.run([...pull, 'tiny']);
  expect(pulled.stdout).toMatch(/^tiny {2}standard fp32, .*32 kHz mono, in /);
  expect(await readdir(join(cli.models, 'tiny', 'onnx'))).toEqual(await readdir(onnx));
  expect(askedFor(hub, 'fp16.onnx')).toBe(0);
  expect((await cli.run([...pull, 'again'])).code).toBe(0);
  expect(askedFor(hub, 'encodec_decode.onnx')).toBe(1);
});

test('a model of another architecture is refused before its weights are downloaded', async () => {
  const files = await tinyRepository();
  const config = JSON.parse(String(files['config.json']));
  files['config.json'] = Buffer.from(JSON.stringify({ ...config, model_type: 'musicgen_melody' }));
  await using context = await setup({ files });
  const { code, stderr, stdout } = await context.cli.run(['models', 'pull', name, ...converted]);
  expect(stderr).toMatch(/config\.json cannot be converted: .*only "musicgen" can be converted/);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(askedFor(context.hub, 'model.safetensors')).toBe(0);
  await expectNoModel(context.cli);
});

test('weights that were changed on the way are not converted', async () => {
  await using context = await setup();
  context.hub.fail('model.safetensors', falsify);
  const { code, stderr } = await context.cli.run(['models', 'pull', name, ...converted]);
  expect(stderr).toContain('model.safetensors arrived with another checksum');
  expect(code).toBe(1);
  await expectNoModel(context.cli);
});

test('Ctrl-C in a download leaves no model, and the next pull goes on', async () => {
  await using context = await setup();
  const { cli, hub } = context;
  hub.fail('model.safetensors', stallAfter(1_000_000));
  const pull = ['models', 'pull', name, ...converted];
  const interrupted = await cli.run(pull, { interruptWhen: hub.asked('model.safetensors') });
  expect(interrupted.code).toBe(130);
  expect(interrupted.stderr).toContain('musicgen: Interrupted');
  await expectNoModel(cli);
  expect((await cli.run(pull)).code).toBe(0);
});

test('an unknown repository, a wrong name and a wrong option have exit codes of their own', async () => {
  await using context = await setup();
  const codeOf = async (...args: string[]) => (await context.cli.run(['models', ...args])).code;
  expect(await codeOf('pull', 'someone/else')).toBe(4);
  expect(await codeOf('pull', 'not-a-repository')).toBe(2);
  expect(await codeOf('pull', name, '--precision', 'fp64')).toBe(2);
  expect(await codeOf('pull', name, '--name', '../escape')).toBe(2);
  expect(await codeOf('verify', 'absent')).toBe(4);
  expect(await codeOf('remove', 'absent', '--yes')).toBe(4);
  expect((await context.cli.run(['models', 'list'], { env: { HF_ENDPOINT: 'huggingface.co' } })).code).toBe(
    78,
  );
});

test('a checkpoint on disk is converted, and not over something that is there', async () => {
  await using cli = await createCommandLine();
  const checkpoint = await writeCheckpoint(cli);
  const convert = ['models', 'convert', 'checkpoint', '--out', 'models/mine', ...converted];
  const first = await cli.run(convert);
  expect(first.stdout).toMatch(/^mine {2}standard fp32, \d\.\d\d MB, 32 kHz mono, in /);
  expect(first.stdout.trimEnd().endsWith(join(cli.models, 'mine'))).toBe(true);
  expect(first.stderr).toContain('Verified: all graphs load, one frame was generated');
  expect(
    JSON.parse(await readFile(join(cli.models, 'mine', 'config.json'), 'utf8')).musicgen_service,
  ).toEqual({
    name: 'mine',
    precision: 'fp32',
    licence: 'cc-by-nc-4.0',
    notice: 'The weights are licensed cc-by-nc-4.0: they may not be used for commercial purposes.',
  });
  const second = await cli.run(convert);
  expect(second).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('already exists') });

  await writeFile(join(checkpoint, 'model.safetensors'), 'cut short');
  const broken = await cli.run(['models', 'convert', 'checkpoint', '--out', 'models/other', ...converted]);
  expect(broken.code).toBe(1);
  expect(broken.stderr).toContain('model.safetensors');
  await rm(join(checkpoint, 'tokenizer.json'));
  const mute = await cli.run(['models', 'convert', 'checkpoint', '--out', 'models/other', ...converted]);
  expect(mute).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`tokenizer.json is missing in ${checkpoint}`),
  });
  expect(await readdir(cli.models)).toEqual(['mine']);
});

test.each([
  ['another architecture', ['model_type'], 'musicgen_melody', /only "musicgen" can be converted/],
  [
    'a tokenizer of a larger vocabulary',
    ['text_encoder', 'vocab_size'],
    100,
    /tokenizer\.json has ids up to 511, but the text encoder knows only 100/,
  ],
  [
    'a tokenizer of a smaller vocabulary',
    ['text_encoder', 'vocab_size'],
    32_128,
    /tokenizer\.json has ids up to 511, but the text encoder knows 32128/,
  ],
])(
  'a checkpoint with %s is refused in one sentence, and no folder is left',
  async (_what, path, value, sentence) => {
    await using cli = await createCommandLine();
    const checkpoint = await writeCheckpoint(cli);
    const config = JSON.parse(await readFile(join(checkpoint, 'config.json'), 'utf8'));
    const [section, key] = path.length === 1 ? [config, path[0]] : [config[path[0] as string], path[1]];
    section[key as string] = value;
    await writeFile(join(checkpoint, 'config.json'), JSON.stringify(config));
    const { code, stdout, stderr } = await cli.run([
      'models',
      'convert',
      'checkpoint',
      '--out',
      'models/mine',
    ]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(sentence);
    await expectNoModel(cli);
  },
);

// A file that may not grow fails as a full disk does: in the middle of a write.
(process.platform === 'linux' ? test : test.skip)(
  'a disk that fills up while a model is converted or downloaded leaves no model',
  async () => {
    await using context = await setup();
    const { cli } = context;
    await writeCheckpoint(cli);
    const convert = ['models', 'convert', 'checkpoint', '--out', 'models/mine', ...converted];
    const converting = await cli.run(convert, { fileLimit: 500_000 });
    expect(converting.stderr).toMatch(
      /The converted model could not be written: EFBIG.*\(storage_failed\)$/m,
    );
    const pulling = await cli.run(['models', 'pull', name, ...converted], { fileLimit: 500_000 });
    expect(pulling.stderr).toMatch(/The download could not be written: EFBIG.*\(storage_failed\)$/m);
    expect([converting.code, pulling.code]).toEqual([1, 1]);
    await expectNoModel(cli);
  },
);

test('verify names the file that was changed after the installation, the list the precision that was chosen', async () => {
  await using cli = await createCommandLine();
  await writeCheckpoint(cli);
  const chosen = ['--precision', 'int4-g128', '--layout', 'standard'];
  await cli.run(['models', 'convert', 'checkpoint', '--out', 'models/mine', ...chosen]);
  const listed = await cli.run(['models', 'list', '--json']);
  expect(JSON.parse(listed.stdout)[1]).toMatchObject({ id: 'mine', precision: 'int4-g128', problem: null });
  const graph = join(cli.models, 'mine', 'onnx', 'encodec_decode.onnx');
  const bytes = await readFile(graph);
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await writeFile(graph, bytes);
  const { code, stderr } = await cli.run(['models', 'verify', 'mine']);
  expect(stderr).toContain('onnx/encodec_decode.onnx has another checksum than when it was installed');
  expect(code).toBe(1);
});

test('nothing is removed that is not a model, nor without a yes', async () => {
  await using cli = await createCommandLine();
  await mkdir(join(cli.models, 'notes'), { recursive: true });
  await writeCheckpoint(cli);
  await cli.run(['models', 'convert', 'checkpoint', '--out', 'models/mine', ...converted]);
  expect((await cli.run(['models', 'remove', 'notes', '--yes'])).stderr).toContain('is not a model folder');
  const asked = await cli.run(['models', 'remove', 'mine']);
  expect(asked).toMatchObject({ code: 2, stderr: expect.stringContaining('add --yes') });
  const ofDefault = await cli.run(['models', 'remove', 'mine', '--yes'], {
    env: { MODEL_PATH: join(cli.models, 'mine') },
  });
  expect(ofDefault).toMatchObject({ code: 2, stderr: expect.stringContaining('default model') });
  expect((await readdir(cli.models)).sort()).toEqual(['mine', 'notes']);
});

test('the list shows a folder that cannot be used, and why', async () => {
  await using cli = await createCommandLine();
  await mkdir(join(cli.models, 'half', 'onnx'), { recursive: true });
  await writeFile(join(cli.models, 'half', 'config.json'), '{"model_type": "musicgen"}');
  const { code, stdout, stderr } = await cli.run(['models', 'list']);
  expect(stdout).toMatch(/^\* {2}musicgen-micro +standard +fp32 +9\.42 MB +32 kHz mono +CC0-1\.0$/m);
  expect(stdout).toMatch(/half.*broken$/m);
  expect(stderr).toContain('half: generation_config.json is missing');
  expect(code).toBe(0);
});
