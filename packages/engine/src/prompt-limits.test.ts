import { jsonSection } from './json-file.ts';
import { promptLimitWarnings, readPromptLimits } from './prompt-limits.ts';

const bpm = [{ unit: 'bpm', minimum: 60, maximum: 187 }];

describe('promptLimitWarnings', () => {
  it.each([
    'lofi at 85 bpm',
    'bpm: 130, techno',
    '174BPM drum and bass',
    'no tempo at all',
    '900 drums',
    'mybpm 5',
  ])('has nothing to say about %j', (prompt) => {
    expect(promptLimitWarnings(prompt, bpm)).toEqual([]);
  });

  it.each([
    ['polka, 900 bpm', 'The model cannot do 900 bpm; the nearest it can is 187 bpm.'],
    ['drone, BPM: 5', 'The model cannot do 5 bpm; the nearest it can is 60 bpm.'],
    ['a 12.5-bpm crawl', 'The model cannot do 12.5 bpm; the nearest it can is 60 bpm.'],
  ])('says what became of %j', (prompt, warning) => {
    expect(promptLimitWarnings(prompt, bpm)).toEqual([warning]);
  });
});

describe('readPromptLimits', () => {
  it('finds none in a config that has none', () => {
    expect(readPromptLimits(jsonSection('config.json', {}))).toEqual([]);
  });

  it('reads every unit, open at the end that is not given', () => {
    const config = jsonSection('config.json', {
      prompt_limits: { bpm: { minimum: 60, maximum: 187 }, voices: { maximum: 4 } },
    });
    expect(readPromptLimits(config)).toEqual([
      ...bpm,
      { unit: 'voices', minimum: Number.NEGATIVE_INFINITY, maximum: 4 },
    ]);
  });
});
