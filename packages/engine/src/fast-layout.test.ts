import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixture, maxDifference, tinyModelFolder } from '../fixtures/golden.ts';
import { convertCheckpoint } from './convert/convert-checkpoint.ts';
import { type Batch, createBatch } from './generate.ts';
import { loadModel, type Model, releaseModel } from './model.ts';
import type { Piece, PieceRequest } from './piece.ts';

/** Pieces that have as little in common as requests allow; the longest has several windows. */
const various: PieceRequest[] = [
  { prompt: 'lofi hip hop with piano', durationSeconds: 0.9, seed: 1 },
  { prompt: 'loud techno', durationSeconds: 0.5, seed: 2, guidanceScale: 1 },
  { prompt: 'a very slow string quartet in a cathedral', durationSeconds: 1.3, seed: 3, temperature: 0 },
  { prompt: '', durationSeconds: 0.2, seed: 4, topK: 20 },
  { prompt: 'drums', durationSeconds: 4, seed: 5, topP: 0.7, negativePrompt: 'a long list of things' },
];

describe.each(['mono', 'stereo'] as const)(
  'the fast layout of the golden %s checkpoint, in float32',
  (name) => {
    let scratch: string;
    let model: Model;
    /** Each of `various`, made alone. */
    let alone: Piece[];

    beforeAll(async () => {
      scratch = await mkdtemp(join(tmpdir(), 'fast-layout-'));
      const folder = join(scratch, name);
      await convertCheckpoint({ source: fixture(name), target: folder, layout: 'fast', precision: 'fp32' });
      // The checkpoints come without a tokenizer; their text encoders know as many ids as that of musicgen-tiny.
      for (const file of ['tokenizer.json', 'tokenizer_config.json']) {
        await cp(join(tinyModelFolder, file), join(folder, file));
      }
      model = await loadModel({ modelFolder: folder, threads: 1 });
      const batch = createBatch(model, { slots: 1 });
      alone = await Promise.all(various.map((request) => batch.generate(request)));
    });

    afterAll(async () => {
      await releaseModel(model);
      await rm(scratch, { recursive: true });
    });

    /** Makes something beside a piece that is on its way already, and goes on after it. */
    async function beside<Made>(batch: Batch, make: () => Promise<Made>): Promise<Made> {
      const controller = new AbortController();
      const { signal } = controller;
      return await new Promise((resolve, reject) => {
        let isMaking = false;
        const request = { prompt: 'x', durationSeconds: 600, seed: 9 };
        const onProgress = ({ frame }: { frame: number }) => {
          if (frame === 0 || isMaking) return;
          isMaking = true;
          make()
            .then(resolve, reject)
            .finally(() => controller.abort());
        };
        batch.generate(request, { signal, onProgress }).catch((error) => !signal.aborted && reject(error));
      });
    }

    it('gives pieces that join and leave a running batch the codes and the audio that each has alone', async () => {
      const batch = createBatch(model, { slots: 3 });
      const together = await beside(batch, () =>
        Promise.all(various.map((request) => batch.generate(request))),
      );
      for (const [index, piece] of together.entries()) {
        expect(piece.checkpoint.equals((alone[index] as Piece).checkpoint)).toBe(true);
        for (const [channel, samples] of piece.samples.entries()) {
          expect(maxDifference(samples, alone[index]?.samples[channel] ?? [])).toBe(0);
        }
      }
    });

    it.each([1, 150])(
      'resumes a greedy piece after %i frames, beside another, to the same codes',
      async (frame) => {
        const request = { prompt: 'brass', durationSeconds: 4, seed: 6, temperature: 0 };
        const batch = createBatch(model, { slots: 2 });
        const whole = await batch.generate(request);
        const frameBytes = 2 * model.config.info.codebooks;
        const checkpoint = whole.checkpoint.subarray(0, 8 + frame * frameBytes);
        const resumed = await beside(batch, () => batch.generate(request, { checkpoint }));
        expect(resumed.checkpoint.equals(whole.checkpoint)).toBe(true);
      },
    );
  },
);
