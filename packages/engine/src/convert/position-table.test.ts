import { fixture, maxDifference } from '../../fixtures/golden.ts';
import { floatsOf, type RawTensor, readSafetensors } from '../../fixtures/safetensors.ts';
import { sinusoids } from './position-table.ts';

describe('sinusoids', () => {
  it.each(['mono', 'stereo'])('equals the table that transformers stores (%s)', (model) => {
    const stored = readSafetensors(fixture(`${model}/model.safetensors`));
    const table = stored['decoder.model.decoder.embed_positions.weights'] as RawTensor;
    const [rows = 0, width = 0] = table.shape;
    expect(maxDifference(sinusoids(rows, width), floatsOf(table))).toBeLessThan(1e-5);
  });
});
