import { golden, maxDifference } from '../fixtures/golden.ts';
import {
  applyGuidance,
  applyTemperature,
  draw,
  keepTopK,
  keepTopP,
  pickBest,
  type SamplingSettings,
  shapeScores,
} from './sampler.ts';

interface Entry {
  index: number;
  parameters: { guidance_scale: number | null };
  effective: { temperature: number; top_k: number; top_p: number };
  kept_per_row: number[];
}

const removed = Number.NEGATIVE_INFINITY;
const vocabSize = 128;
const processing = golden('mono')('logits_processing');
const entries = processing.entries.map((entry) => Object(entry) as Entry);
const rows = [0, 1, 2, 3];
/** Rows 0–3 are conditional, 4–7 unconditional. */
const rawLogits = (row: number) => rowOf(processing.floats('raw_logits'), row);

function rowOf(tensor: Float32Array, row: number): Float32Array {
  return tensor.slice(row * vocabSize, (row + 1) * vocabSize);
}

function guidedScores({ parameters }: Entry, row: number): Float32Array {
  const scores = rawLogits(row);
  if (parameters.guidance_scale !== null)
    applyGuidance(scores, rawLogits(row + 4), parameters.guidance_scale);
  return scores;
}

/** Same ids ruled out, and the others equal within the fixtures' tolerance. */
function expectScores(actual: Float32Array, expected: Float32Array): void {
  const kept = (scores: Float32Array) => Array.from(scores, (score) => score !== removed);
  expect(kept(actual)).toEqual(kept(expected));
  const finite = (scores: Float32Array) => scores.map((score) => (score === removed ? 0 : score));
  expect(maxDifference(finite(actual), finite(expected))).toBeLessThan(1e-5);
}

function probabilities(scores: Float32Array): Float32Array {
  const weights = scores.map((score) => Math.exp(score));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

describe.each(entries)(
  'Hugging Face logits processing, settings $effective, guidance $parameters.guidance_scale',
  (entry) => {
    const { effective, index } = entry;
    const stages = [
      { name: 'guidance', apply: () => {} },
      {
        name: 'TemperatureLogitsWarper',
        apply: (scores: Float32Array) => applyTemperature(scores, effective.temperature),
      },
      { name: 'TopKLogitsWarper', apply: (scores: Float32Array) => keepTopK(scores, effective.top_k) },
      { name: 'TopPLogitsWarper', apply: (scores: Float32Array) => keepTopP(scores, effective.top_p) },
    ];

    it.each(rows)('equals every stage of row %i', (row) => {
      const scores = guidedScores(entry, row);
      for (const { name, apply } of stages) {
        apply(scores);
        const tensor = `${index}.after_${name}`;
        if (processing.has(tensor)) expectScores(scores, rowOf(processing.floats(tensor), row));
      }
      expectScores(scores, rowOf(processing.floats(`${index}.final`), row));
    });

    it.each(rows)('keeps exactly the same set and probabilities of row %i', (row) => {
      const scores = guidedScores(entry, row);
      const { temperature, top_k: topK, top_p: topP } = effective;
      shapeScores(scores, { guidanceScale: 1, temperature, topK, topP } satisfies SamplingSettings);
      expect(scores.filter((score) => score !== removed)).toHaveLength(entry.kept_per_row[row] as number);
      const expected = rowOf(processing.floats(`${index}.probs`), row);
      expect(maxDifference(probabilities(scores), expected)).toBeLessThan(1e-5);
    });
  },
);

describe('ties', () => {
  const ties = golden('mono')('logits_ties');
  const kept = (scores: Float32Array) => Array.from(scores.filter((score) => score !== removed)).sort();

  it.each([1, 2, 3, 4])('top-k %i keeps every score that equals the k-th largest', (k) => {
    const scores = ties.floats('scores');
    keepTopK(scores, k);
    expect(Array.from(scores)).toEqual(Array.from(ties.floats(`top_k_${k}`)));
  });

  it.each([0.1, 0.3, 0.5, 0.7, 0.9])('top-p %d keeps as many of each value', (p) => {
    const scores = ties.floats('scores');
    keepTopP(scores, p);
    expect(kept(scores)).toEqual(kept(ties.floats(`top_p_${p}`)));
  });

  it('top-k stays fast and right when nearly all scores are equal', () => {
    const scores = new Float32Array(2048).fill(-1e4);
    for (let id = 0; id < 100; id++) scores[id * 20] = id;
    keepTopK(scores, 50);
    expect(scores.filter((score) => score !== removed)).toHaveLength(50);
    expect(scores.indexOf(50)).toBe(1000);
  });
});

describe('draw', () => {
  const scores = Float32Array.of(Math.log(0.2), removed, Math.log(0.5), Math.log(0.3), removed);

  it('follows the probabilities', () => {
    expect([0, 0.19, 0.21, 0.69, 0.71, 0.999].map((uniform) => draw(scores, uniform))).toEqual([
      0, 0, 2, 2, 3, 3,
    ]);
  });

  it('never draws what was ruled out, not even at the very end', () => {
    expect(draw(scores, 1 - 2 ** -53)).toBe(3);
    expect(draw(Float32Array.of(removed, -1e30, removed), 0.9)).toBe(1);
    expect(draw(Float32Array.of(3, -1e30, removed), 0.9999)).toBe(0);
  });
});

describe('pickBest', () => {
  it('takes the lowest id of equals', () => {
    expect(pickBest(Float32Array.of(1, 3, 3, 2))).toBe(1);
  });
});
