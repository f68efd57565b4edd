import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { ServiceError } from '@musicgen/contract';
import type { EnginePool, GenerateOptions, Piece, PieceRequest } from '@musicgen/engine';
import type { HistoryWriter, Intent } from './history.ts';
import { settings } from './settings.ts';

const samplingDefaults = { guidanceScale: 3, temperature: 1, topK: 250, topP: 1 };

const longestAgonyMs = 500;

/** The prompt that tells the fake engine what to make of a request. */
export function promptOf(intent: Intent, request: string): string {
  return `${intent} ${request}`;
}

/**
 * An engine that computes nothing, takes a few milliseconds a frame, and fails or kills its process where the prompt
 * says so. Every start goes into the history.
 */
export function createFakeEngine({
  history,
  worker,
}: {
  history: HistoryWriter;
  worker: string;
}): EnginePool {
  async function generate(piece: PieceRequest, options: GenerateOptions = {}): Promise<Piece> {
    const [intent = '', request = ''] = piece.prompt.split(' ');
    const [resumedFrom, frame] = options.checkpoint?.toString().split(' ') ?? [];
    history.write({ type: 'engine:started', worker, request, ...(resumedFrom && { resumedFrom }) });
    await act(intent);
    await step({ request, from: Number(frame ?? 0), frames: piece.durationSeconds, options });
    return {
      samples: [new Float32Array(8_000)],
      sampleRate: 8_000,
      frames: piece.durationSeconds,
      checkpoint: Buffer.alloc(0),
      settings: samplingDefaults,
      warnings: [],
      stageSeconds: { encoding_text: 0, generating: 0, decoding: 0 },
    };
  }

  return {
    model: {
      name: 'fake',
      sampleRate: 8_000,
      channels: 1,
      frameRate: 1,
      codebooks: 1,
      layout: 'standard',
      precision: 'fp32',
      windowSeconds: 30,
      encodesAudio: false,
      defaults: samplingDefaults,
    },
    slots: 1,
    speed: { alone: 1, all: 1 },
    models: [],
    memoryBytes: 0,
    state: 'ready',
    events: new EventEmitter(),
    generate,
    close: async () => {},
  };
}

async function act(intent: string): Promise<void> {
  await delay(settings.stepMs / 4);
  if (intent === 'poison') {
    // Not at once: what its worker took together with it would die with it, over and over, and be buried for it.
    await delay(Math.random() * longestAgonyMs);
    process.kill(process.pid, 'SIGKILL');
  }
  if (intent === 'broken' || (intent === 'flaky' && Math.random() < 0.5)) {
    throw new ServiceError('engine_crashed', 'The engine stopped.');
  }
  if (intent === 'refused') throw new ServiceError('generation_failed', 'The music could not be generated.');
}

interface StepOptions {
  request: string;
  from: number;
  frames: number;
  options: GenerateOptions;
}

async function step({ request, from, frames, options: { signal, onProgress } }: StepOptions): Promise<void> {
  for (let frame = from; frame < frames; frame += 1) {
    if (signal?.aborted) throw new ServiceError('task_cancelled', 'The work was stopped.');
    const checkpoint = Buffer.from(`${request} ${frame}`);
    onProgress?.({ stage: 'generating', frame, frames, checkpoint });
    await delay(settings.stepMs, undefined, { signal }).catch(() => {});
  }
}
