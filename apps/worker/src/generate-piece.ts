import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type FinishedPiece, fadeOut, finishPieceInThread, renditionRevision } from '@musicgen/audio';
import {
  type AcceptedRequest,
  type AudioFormat,
  acceptedRequestSchema,
  type Provenance,
  ServiceError,
  type TaskResult,
  type TaskStage,
} from '@musicgen/contract';
import type {
  Continuation,
  EnginePool,
  GenerateOptions,
  ModelInfo,
  Piece,
  PieceProgress,
} from '@musicgen/engine';
import type { Claim } from '@musicgen/queue';
import { type ArtifactStore, audioKey, codesKey, renditionKey } from '@musicgen/storage';
import { type FindResult, fetchContinuation } from './continuation.ts';
import { createPreview, type Preview } from './preview.ts';

export interface GeneratePieceOptions {
  claim: Claim;
  engine: EnginePool;
  store: ArtifactStore;
  /** Of earlier tasks, to go on from. */
  findResult: FindResult;
  /** What the tags of a file name as its maker: `musicgen-service 0.1.0`. */
  software: string;
  /** Stops the engine at its next step. */
  signal: AbortSignal;
  company: GenerateOptions['company'];
  onStage: (stage: TaskStage) => void;
  onProgress: (progress: PieceProgress) => void;
  onPreviewError: (error: unknown) => void;
}

/**
 * The one job of a worker: a claimed task's request becomes stored audio and the result that describes it.
 * @throws ServiceError `model_unavailable`, `storage_failed`, or whatever the engine gave as its reason.
 */
export async function generatePiece(options: GeneratePieceOptions): Promise<TaskResult> {
  const { claim, engine, store, software, signal, company, onStage, onProgress } = options;
  const request = requestOf(claim);
  const model = modelOf(request, engine);
  const preview = request.preview ? openPreview(model, options) : undefined;
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
      continueFrom: await continuationOf(request, model, options),
    },
    {
      model: request.model,
      signal,
      company,
      onProgress,
      checkpoint: claim.checkpoint,
      onPreview: preview?.add,
    },
  );
  if (request.fade_out !== undefined) fadeOut(piece.samples, Math.round(request.fade_out * piece.sampleRate));

  onStage('encoding_audio');
  const encoding = startTimer();
  const finished = await finishPieceInThread({
    samples: piece.samples,
    sampleRate: piece.sampleRate,
    format: request.format,
    provenance: request.tags ? provenanceOf({ claim, request, piece, model, software }) : undefined,
  });
  const encodingSeconds = encoding();

  onStage('storing');
  const storing = startTimer();
  const sha256 = createHash('sha256').update(finished.wav).digest('hex');
  for (const [key, file] of filesOf(finished, { taskId: claim.task.id, sha256, format: request.format })) {
    await storeFile({ store, key, file, signal });
  }
  await storeFile({ store, key: codesKey(claim.task.id, sha256), file: piece.checkpoint, signal });
  await preview?.remove();

  return {
    model: model.name,
    duration: (piece.samples[0]?.length ?? 0) / piece.sampleRate,
    frames: piece.frames,
    sample_rate: piece.sampleRate,
    channels: piece.samples.length,
    format: 'wav',
    bytes: finished.wav.length,
    sha256,
    samples_sha256: finished.samplesSha256,
    peak_dbfs: finished.peakDbfs,
    loudness_lufs: finished.loudnessLufs,
    sampling: samplingOf(piece),
    warnings: piece.warnings,
    timings: { ...piece.stageSeconds, encoding_audio: encodingSeconds, storing: storing() },
  };
}

function openPreview(
  { sampleRate }: ModelInfo,
  { store, claim, onPreviewError }: GeneratePieceOptions,
): Preview {
  return createPreview({ store, taskId: claim.task.id, sampleRate, onError: onPreviewError });
}

async function continuationOf(
  { continue_from: source }: AcceptedRequest,
  { name: model }: ModelInfo,
  { store, findResult, claim }: GeneratePieceOptions,
): Promise<Continuation | undefined> {
  if (source === undefined) return undefined;
  return await fetchContinuation(source, { store, findResult, owner: claim.task.owner, model });
}

function requestOf({ task }: Claim): AcceptedRequest {
  const parsed = acceptedRequestSchema.safeParse(task.request);
  if (parsed.success) return parsed.data;
  throw new ServiceError('corrupt_record', 'The stored request cannot be read.', { cause: parsed.error });
}

/** @throws ServiceError `model_unavailable` for one that this worker does not have */
function modelOf(request: AcceptedRequest, engine: EnginePool): ModelInfo {
  if (request.model === undefined) return engine.model;
  const found = engine.models.find(({ info }) => info.name === request.model);
  if (found) return found.info;
  throw new ServiceError('model_unavailable', `This worker has no model ${request.model}.`);
}

function samplingOf({ settings }: Piece): TaskResult['sampling'] {
  return {
    temperature: settings.temperature,
    top_k: settings.topK,
    top_p: settings.topP,
    guidance_scale: settings.guidanceScale,
  };
}

/** What stands in the tags of the files. */
function provenanceOf({
  claim,
  request,
  piece,
  model,
  software,
}: Pick<GeneratePieceOptions, 'claim' | 'software'> & {
  request: AcceptedRequest;
  piece: Piece;
  model: ModelInfo;
}): Provenance {
  const { negative_prompt, fade_out, continue_from } = request;
  return {
    software,
    task_id: claim.task.id,
    model: model.name,
    licence: model.licence ?? null,
    prompt: request.prompt,
    seed: request.seed,
    parameters: {
      duration: request.duration,
      ...samplingOf(piece),
      ...(negative_prompt !== undefined && { negative_prompt }),
      ...(fade_out !== undefined && { fade_out }),
      ...(continue_from && { continue_from: Object.values(continue_from)[0] ?? '' }),
    },
  };
}

/** The original, and the format that was asked for, where the API looks before it makes it. */
function filesOf(
  { wav, other }: FinishedPiece,
  { taskId, sha256, format }: { taskId: string; sha256: string; format: AudioFormat },
): [string, Uint8Array][] {
  const original: [string, Uint8Array] = [audioKey(taskId, sha256), wav];
  if (other === undefined) return [original];
  return [original, [renditionKey({ taskId, sha256, revision: renditionRevision, ending: format }), other]];
}

interface StoreOptions {
  store: ArtifactStore;
  key: string;
  file: Uint8Array;
  signal: AbortSignal;
}

/** Pauses between tries, so that a hiccup of the store does not cost a finished piece. */
const storePausesMs = [200, 1_000, 4_000];

async function storeFile({ store, key, file, signal }: StoreOptions): Promise<void> {
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
