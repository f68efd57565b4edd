import { golden } from '../fixtures/golden.ts';
import { columnCount, completeFrames, delayOf, frameAt } from './delay-pattern.ts';

interface Entry {
  index: number;
  batch: number;
  codebooks: number;
  audio_channels: number;
  pad_token_id: number;
  max_length: number;
  prompt_columns: number;
}

/** What Hugging Face's `build_delay_pattern_mask` makes: the prompt where it reaches, −1 where a code will be. */
function buildMask(entry: Entry, promptIds: number[]): number[] {
  const pattern = { codebooks: entry.codebooks, channels: entry.audio_channels };
  const frames = entry.max_length - columnCount(pattern, 0);
  return promptIds
    .flatMap((_, index) => (index % entry.prompt_columns === 0 ? [index / entry.prompt_columns] : []))
    .flatMap((row) =>
      Array.from({ length: entry.max_length }, (_, column) => {
        const frame = frameAt(pattern, row % entry.codebooks, column);
        if (frame < 0 || frame >= frames) return entry.pad_token_id;
        // The first prompt column is the start column.
        const isPrompt = frame + 1 < entry.prompt_columns;
        return isPrompt ? (promptIds[row * entry.prompt_columns + frame + 1] as number) : -1;
      }),
    );
}

describe.each(['mono', 'stereo'] as const)('the delay pattern, %s', (model) => {
  const tables = golden(model)('delay_pattern');
  const entries = tables.entries.map((entry) => Object(entry) as Entry);

  it.each(entries.filter((entry) => entry.max_length >= 7))(
    'equals Hugging Face for $max_length columns after $prompt_columns of prompt, batch $batch',
    (entry) => {
      const mask = buildMask(entry, tables.integers(`${entry.index}.input_ids`));
      expect(mask).toEqual(tables.integers(`${entry.index}.pattern_mask`));
    },
  );

  it.each(entries.filter((entry) => entry.max_length < 7))(
    'delays $max_length columns too, where Hugging Face gives the pattern up',
    (entry) => {
      const mask = buildMask(entry, tables.integers(`${entry.index}.input_ids`));
      expect(mask.filter((id) => id === -1)).toHaveLength(entry.codebooks * (entry.max_length - 4));
      expect(tables.integers(`${entry.index}.pattern_mask`)).not.toEqual(mask);
    },
  );
});

describe('the delay pattern', () => {
  const mono = { codebooks: 4, channels: 1 };
  const stereo = { codebooks: 8, channels: 2 };

  it('delays both channels of a stereo codebook alike', () => {
    const delays = (pattern: typeof mono) =>
      Array.from({ length: pattern.codebooks }, (_, k) => delayOf(pattern, k));
    expect(delays(mono)).toEqual([0, 1, 2, 3]);
    expect(delays(stereo)).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  });

  it('needs four columns more than frames, mono or stereo', () => {
    expect(columnCount(mono, 61)).toBe(65);
    expect(columnCount(stereo, 21)).toBe(25);
  });

  it('counts a frame as complete once its last codebook is known', () => {
    expect([0, 1, 3, 4, 5, 64].map((column) => completeFrames(mono, column))).toEqual([0, 0, 0, 1, 2, 61]);
  });
});
