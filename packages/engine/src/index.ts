export type { Speed } from './batch-size.ts';
export type { Stretch } from './codecs/codec.ts';
export { readCheckpointConfig } from './convert/checkpoint-config.ts';
export {
  type ConversionProgress,
  type ConvertCheckpointOptions,
  convertCheckpoint,
} from './convert/convert-checkpoint.ts';
export type { ModelPrecision } from './convert/graph-builder.ts';
export {
  type Engine,
  type EngineEvents,
  type EngineLogger,
  type EngineOptions,
  type RestartReason,
  restartReasons,
  startEngine,
} from './engine.ts';
export { type EnginePool, type EnginePoolOptions, type PooledModel, startEnginePool } from './engine-pool.ts';
export { type ExecutionProvider, executionProviders } from './execution-providers.ts';
export type { Effort } from './generate.ts';
export type { ModelLayout } from './graph-files.ts';
export { type ModelInfo, readModelFolder } from './model-folder.ts';
export type {
  Continuation,
  EngineStage,
  GenerateOptions,
  Piece,
  PieceProgress,
  PieceRequest,
} from './piece.ts';
export { onnxRuntimeVersion } from './runtime-version.ts';
export type { SamplingSettings } from './sampler.ts';
