import type { RemoteRepository } from './hub.ts';
import { type Precision, selectFiles } from './repository-files.ts';

const descriptions = ['config.json', 'generation_config.json', 'tokenizer.json'];

function repository(...paths: string[]): RemoteRepository {
  const checksum = { kind: 'git', hex: '0'.repeat(40) } as const;
  return {
    name: 'someone/some-model',
    commit: '0'.repeat(40),
    files: [...descriptions, ...paths].map((path) => ({ path, bytes: 1, checksum })),
  };
}

function select(precision: Precision, ...paths: string[]) {
  const { kind, descriptions, weights } = selectFiles(repository(...paths), precision);
  return { kind, descriptions: descriptions.map((it) => it.path), weights: weights.map((it) => it.path) };
}

const graphs = (...endings: string[]) =>
  ['decoder_model_merged', 'text_encoder', 'encodec_decode'].flatMap((graph) =>
    endings.map((ending) => `onnx/${graph}${ending}.onnx`),
  );

test('of a checkpoint the safetensors weights are taken, and no other format', () => {
  expect(select('int8', 'model.safetensors', 'pytorch_model.bin', 'state_dict.bin', 'README.md')).toEqual({
    kind: 'checkpoint',
    descriptions,
    weights: ['model.safetensors'],
  });
});

test('weights in several files are taken with their index', () => {
  const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  expect(select('fp32', ...shards, 'model.safetensors.index.json').weights).toEqual([
    'model.safetensors.index.json',
    ...shards,
  ]);
});

test('names that lead out of the folder, or nowhere, are not taken', () => {
  const hostile = [
    '../model.safetensors',
    '/etc/model.safetensors',
    'onnx/../../decoder_model_merged.onnx',
    'C:\\model.safetensors',
    'model-00001-of-00002.safetensors/../../x',
    'onnx/decoder_model_merged.onnx_data/../../../x',
    'tokenizer.json\n',
  ];
  expect(select('fp32', 'model.safetensors', ...hostile)).toEqual({
    kind: 'checkpoint',
    descriptions,
    weights: ['model.safetensors'],
  });
  expect(select('fp32', ...graphs(''), ...hostile).weights).toEqual(graphs(''));
});

test.each([
  ['fp32', ['', '', '']],
  ['int8', ['_quantized', '_quantized', '']],
  ['int4', ['_q4', '_quantized', '']],
] as const)('of a repository of graphs those in %s are taken, the codec in fp32', (precision, endings) => {
  const all = graphs('', '_quantized', '_fp16').concat('onnx/decoder_model_merged_q4.onnx');
  const names = ['decoder_model_merged', 'text_encoder', 'encodec_decode'];
  expect(select(precision, ...all)).toEqual({
    kind: 'onnx',
    descriptions,
    weights: names.map((name, index) => `onnx/${name}${endings[index]}.onnx`),
  });
});

test('weights that lie beside their graph come with it', () => {
  const data = ['onnx/decoder_model_merged.onnx_data', 'onnx/decoder_model_merged.onnx_data_1'];
  const other = 'onnx/decoder_model_merged_q4.onnx_data';
  expect(select('fp32', ...graphs(''), ...data, other).weights).toEqual([
    'onnx/decoder_model_merged.onnx',
    ...data,
    ...graphs('').slice(1),
  ]);
});

test('a precision that the repository does not have is named beside those that it has', () => {
  expect(() => select('int4', ...graphs('', '_fp16'))).toThrow(
    'someone/some-model has no onnx/decoder_model_merged_q4.onnx or onnx/decoder_model_merged_bnb4.onnx; ' +
      'of this graph it has onnx/decoder_model_merged.onnx, onnx/decoder_model_merged_fp16.onnx',
  );
});

test('a precision that only a conversion makes is refused for ready graphs', () => {
  expect(() => select('int4-g128', ...graphs('', '_q4'))).toThrow(
    'someone/some-model has only ready graphs, and int4-g128 is made of a checkpoint; choose another precision',
  );
});

test('a repository without weights or without a tokenizer is refused', () => {
  expect(() => select('fp32', 'pytorch_model.bin')).toThrow(
    'someone/some-model has neither model.safetensors nor onnx/decoder_model_merged.onnx',
  );
  const { files, ...rest } = repository('model.safetensors');
  const without = { ...rest, files: files.filter(({ path }) => path !== 'tokenizer.json') };
  expect(() => selectFiles(without, 'fp32')).toThrow('someone/some-model has no tokenizer.json');
});
