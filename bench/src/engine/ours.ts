import { Columns } from '@musicgen/engine/columns';
import { loadModel, type Model } from '@musicgen/engine/model';
import { secondsInRuns } from '@musicgen/engine/sessions';
import {
  type EngineAnswer,
  type EngineSystem,
  frameRate,
  guidanceScale,
  prompt,
  type SystemOptions,
  topK,
  warmUpSteps,
} from './system.ts';

const codebooks = 4;

/** Our engine as its child process runs it, without the process around it. */
export async function loadOurs({ folder, threads }: SystemOptions): Promise<EngineSystem> {
  const model = await loadModel({ modelFolder: folder, threads });
  return {
    measure: (command) =>
      command.do === 'steps'
        ? measureSteps(model, command)
        : measurePieces(model, { frames: Math.round(command.seconds * frameRate), tasks: command.tasks }),
  };
}

/** Steps of pieces that have got to a position, their sampling included. */
async function measureSteps(
  model: Model,
  { position, tasks, count }: { position: number; tasks: number; count: number },
): Promise<EngineAnswer> {
  const start = position - warmUpSteps;
  const pieces = await openPieces(model, { tasks, frames: position + count + 1, known: start - 1 });
  // The first columns are the prefill.
  for (const piece of pieces) await prefill(model, piece, start);
  for (let step = 0; step < warmUpSteps; step++) await stepAll(model, pieces);
  const inRuns = secondsInRuns();
  const milliseconds: number[] = [];
  for (let step = 0; step < count; step++) milliseconds.push(await stepAll(model, pieces));
  for (const piece of pieces) piece.release();
  const outsideRuns =
    1 - (1000 * (secondsInRuns() - inRuns)) / milliseconds.reduce((sum, each) => sum + each);
  return { milliseconds, frames: tasks * count, outsideRuns };
}

/** Whole pieces, all at once, from the prompt to the audio. */
async function measurePieces(
  model: Model,
  { frames, tasks }: { frames: number; tasks: number },
): Promise<EngineAnswer> {
  const startedAt = performance.now();
  const inRuns = secondsInRuns();
  const codes = Array.from({ length: tasks }, () => new Uint16Array(frames * codebooks));
  const pieces = await openPieces(model, { tasks, frames, known: 0, codes });
  while (!pieces.every(({ isDone }) => isDone)) await stepAll(model, pieces);
  for (const each of codes) {
    const audio = model.codec.open(each, frames);
    while (audio.neededFrames !== undefined) await audio.next();
  }
  const milliseconds = performance.now() - startedAt;
  const outsideRuns = 1 - (1000 * (secondsInRuns() - inRuns)) / milliseconds;
  return { milliseconds: [milliseconds], frames: tasks * frames, outsideRuns };
}

async function openPieces(
  model: Model,
  { tasks, frames, known, codes }: { tasks: number; frames: number; known: number; codes?: Uint16Array[] },
): Promise<Columns[]> {
  const condition = await model.textEncoder.encode([model.tokenize(prompt).ids]);
  const settings = { guidanceScale, temperature: 1, topK, topP: 1 };
  return Array.from({ length: tasks }, (_, seed) => {
    const own = codes?.[seed] ?? new Uint16Array(frames * codebooks);
    return new Columns({ rows: { condition, against: 'nothing' }, settings, seed, codes: own, known }, model);
  });
}

async function prefill(model: Model, piece: Columns, columns: number): Promise<void> {
  for (let fed = 0; fed < columns; ) {
    const input = piece.next();
    const [logits] = await model.decoder.step([input]);
    piece.take(logits as Float32Array);
    fed += input.columns;
  }
}

async function stepAll(model: Model, pieces: readonly Columns[]): Promise<number> {
  const startedAt = performance.now();
  const active = pieces.filter(({ isDone }) => !isDone);
  const logits = await model.decoder.step(active.map((piece) => piece.next()));
  for (const [index, piece] of active.entries()) piece.take(logits[index] as Float32Array);
  return performance.now() - startedAt;
}
