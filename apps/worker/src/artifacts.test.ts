import { EventEmitter, once } from 'node:events';
import { renditionRevision } from '@musicgen/audio';
import type { GenerateOptions, PieceRequest } from '@musicgen/engine';
import { audioKey, codesKey, previewKey, renditionKey, uploadKey } from '@musicgen/storage';
import { type Generate, piece, useTestWorker } from './test-setup.ts';

const setup = useTestWorker();

test('a format that was asked for lies beside the original, without tags where none are wanted', async () => {
  await using context = await setup({ generate: async () => piece });
  const request = { prompt: 'secret', duration: 1, seed: 1, format: 'flac', tags: false };
  const { id, result } = await context.untilEvent('completed', request);
  const sha256 = String(result?.sha256);
  const original = await context.stored(audioKey(id, sha256));
  const flac = await context.stored(
    renditionKey({ taskId: id, sha256, revision: renditionRevision, ending: 'flac' }),
  );
  expect(flac.toString('latin1', 0, 4)).toBe('fLaC');
  expect([original, flac].map((file) => file.includes('secret') || file.includes('AI-generated'))).toEqual([
    false,
    false,
  ]);
});

describe('going on from', () => {
  const request = { prompt: 'x', duration: 1, seed: 1 };

  test('an earlier task of the same model takes its codes, of an upload its samples', async () => {
    const seen: PieceRequest['continueFrom'][] = [];
    await using context = await setup({
      generate: async (_options, { continueFrom }) => {
        seen.push(continueFrom);
        return piece;
      },
    });
    const earlier = await context.untilEvent('completed', request);
    await context.untilEvent('completed', { ...request, continue_from: { task_id: earlier.id } });
    const file = await context.stored(audioKey(earlier.id, String(earlier.result?.sha256)));
    await context.store.put(uploadKey({ owner: undefined, uploadId: 'mine' }), file);
    await context.untilEvent('completed', { ...request, continue_from: { upload_id: 'mine' } });
    expect(seen).toMatchObject([undefined, { codes: piece.checkpoint }, { sampleRate: 32_000 }]);
    const { samples } = seen[2] as { samples: Float32Array[] };
    expect(samples).toHaveLength(1);
    expect(samples[0]?.[1]).toBeCloseTo(0.5, 3);
  });

  test('an earlier task of another model takes its audio', async () => {
    const seen: PieceRequest['continueFrom'][] = [];
    await using context = await setup({
      generate: async (_options, { continueFrom }) => {
        seen.push(continueFrom);
        return piece;
      },
    });
    const earlier = await context.untilEvent('completed', request);
    Object.assign(context.engine.model, { name: 'another' });
    await context.untilEvent('completed', { ...request, continue_from: { task_id: earlier.id } });
    expect(seen[1]).toMatchObject({ samples: [expect.any(Float32Array)], sampleRate: 32_000 });
  });

  test.each([{ task_id: '019ac000-0000-7000-8000-000000000000' }, { upload_id: 'nowhere' }])(
    'what is gone (%j) fails for good, with that reason',
    async (source) => {
      await using context = await setup({ generate: async () => piece });
      const failed = await context.untilEvent('failed', { ...request, continue_from: source });
      expect(failed).toMatchObject({ error: { code: 'gone' }, attempt: 1 });
    },
  );
});

test('the codes are kept beside the audio', async () => {
  await using context = await setup({ generate: async () => piece });
  const { id, result } = await context.untilEvent('completed');
  expect(await context.stored(codesKey(id, String(result?.sha256)))).toEqual(piece.checkpoint);
});

test('a fade-out takes the end to silence', async () => {
  const samples = [new Float32Array(64_000).fill(0.5)];
  await using context = await setup({ generate: async () => ({ ...piece, samples }) });
  const { id, result } = await context.untilEvent('completed', {
    prompt: 'x',
    duration: 2,
    seed: 1,
    fade_out: 1,
  });
  const file = await context.stored(audioKey(id, String(result?.sha256)));
  const sampleAt = (index: number) => file.readInt16LE(44 + 2 * index);
  expect([sampleAt(0), sampleAt(31_999)]).toEqual([16_384, 16_384]);
  expect(sampleAt(63_999)).toBe(0);
});

test('a preview that is asked for grows with the piece, and the finished audio takes its place', async () => {
  const stretch = (frame: number) => ({ frame, samples: [new Float32Array(100).fill(0.5)] });
  let sizes: number[] = [];
  const previewed = new EventEmitter();
  const generate: Generate = async ({ onPreview }) => {
    for (const frame of [0, 1]) {
      const stored = once(previewed, 'stored');
      onPreview?.(stretch(frame));
      await stored;
    }
    return piece;
  };
  await using context = await setup({ generate });
  const { put } = context.store;
  context.store.put = async (key, content) => {
    await put(key, content);
    if (!key.endsWith('preview.wav')) return;
    sizes = [...sizes, (content as Uint8Array).length];
    previewed.emit('stored');
  };
  const { id } = await context.untilEvent('completed', { prompt: 'x', duration: 1, seed: 1, preview: true });
  expect(sizes).toEqual([244, 444]);
  expect(await context.store.open(previewKey(id))).toBeUndefined();
});

test('nobody pays for a preview that was not asked for', async () => {
  let listener: GenerateOptions['onPreview'];
  const generate: Generate = async ({ onPreview }) => {
    listener = onPreview;
    return piece;
  };
  await using context = await setup({ generate });
  await context.untilEvent('completed');
  expect(listener).toBeUndefined();
});
