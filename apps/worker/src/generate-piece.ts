import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { encodeWav, toDecibels } from '@musicgen/audio';
import {
  type AcceptedRequest,
  acceptedRequestSchema,
  ServiceError,
  type TaskResult,
  type TaskStage,
} from '@musicgen/contract';
import type { Engine, GenerateOptions, PieceProgress } from '@musicgen/engine';
import type { Claim } from '@musicgen/queue';
import { type ArtifactStore, audioKey } from '@musicgen/storage';

export interface GeneratePieceOptions {
  claim: Claim;
  engine: Engine;
  store: ArtifactStore;
  /** Stops the engine at its next step. */
  signal: AbortSignal;
  company: GenerateOptions['company'];
  onStage: (stage: TaskStage) => void;
  onProgress: (progress: PieceProgress) => void;
}

/**
 * The one job of a worker: a claimed task's request becomes stored audio and the result that describes it.
 * @throws ServiceError `model_unavailable`, `storage_failed`, or whatever the engine gave as its reason.
 */
export async function generatePiece(options: GeneratePieceOptions): Promise<TaskResult> {
  const { claim, engine, store, signal, company, onStage, onProgress } = options;
  const request = requestOf(claim);
  refuseOtherModel(request, engine);
  const piece = await engine.generate(
    {
      prompt: request.prompt,
      negativePrompt: request.negative_prompt,
      durationSeconds: request.duration,
      seed: request.seed,
      guidanceScale: request.guidance_scale,
      temperature: request.temperature,
      topK: request.top_k,
      topP: request.top_p,
    },
    { signal, company, onProgress, checkpoint: claim.checkpoint },
  );

  onStage('encoding_audio');
  const encoding = startTimer();
  const { file, peak } = encodeWav(piece.samples, piece.sampleRate);
  const encodingSeconds = encoding();

  onStage('storing');
  const storing = startTimer();
  const sha256 = createHash('sha256').update(file).digest('hex');
  await storeAudio({ store, key: audioKey(claim.task.id, sha256), file, signal });

  return {
    model: engine.model.name,
    duration: (piece.samples[0]?.length ?? 0) / piece.sampleRate,
    frames: piece.frames,
    sample_rate: piece.sampleRate,
    channels: piece.samples.length,
    format: 'wav',
    bytes: file.length,
    sha256,
    peak_dbfs: toDecibels(peak),
    sampling: {
      temperature: piece.settings.temperature,
      top_k: piece.settings.topK,
      top_p: piece.settings.topP,
      guidance_scale: piece.settings.guidanceScale,
    },
    warnings: piece.warnings,
    timings: { ...piece.stageSeconds, encoding_audio: encodingSeconds, storing: storing() },
  };
}

/** The API accepts only models that all live workers have; a worker that came or changed since may not. */
function refuseOtherModel({ model }: AcceptedRequest, engine: Engine): void {
  if (model === undefined || model === engine.model.name) return;
  throw new ServiceError('model_unavailable', `This worker has no model ${model}.`);
}

function requestOf({ task }: Claim): AcceptedRequest {
  const parsed = acceptedRequestSchema.safeParse(task.request);
  if (parsed.success) return parsed.data;
  throw new ServiceError('corrupt_record', 'The stored request cannot be read.', { cause: parsed.error });
}

interface StoreOptions {
  store: ArtifactStore;
  key: string;
  file: Buffer;
  signal: AbortSignal;
}

/** Pauses between tries, so that a hiccup of the store does not cost a finished piece. */
const storePausesMs = [200, 1_000, 4_000];

async function storeAudio({ store, key, file, signal }: StoreOptions): Promise<void> {
  for (const pauseMs of [...storePausesMs, undefined]) {
    try {
      return await store.put(key, file);
    } catch (error) {
      if (pauseMs === undefined || signal.aborted) {
        throw new ServiceError('storage_failed', 'The audio could not be stored.', { cause: error });
      }
      await delay(pauseMs, undefined, { signal }).catch(() => {});
    }
  }
}

/** Returns what tells the seconds since. */
function startTimer(): () => number {
  const startedAt = performance.now();
  return () => (performance.now() - startedAt) / 1000;
}
