import type { ModelPrecision } from '@musicgen/engine';

/** What is measured: steps as they are in the middle of a piece, or whole pieces. */
export type EngineCommand =
  | { do: 'steps'; position: number; tasks: number; count: number }
  | { do: 'piece'; seconds: number; tasks: number };

export interface EngineAnswer {
  /** Of a step, each; or of all pieces together. */
  milliseconds: number[];
  /** Frames of all pieces. */
  frames: number;
  /** Share of the time that was not spent in `session.run`; undefined where it cannot be seen. */
  outsideRuns?: number;
}

/** One engine with its model in memory. */
export interface EngineSystem {
  measure(command: EngineCommand): Promise<EngineAnswer>;
}

export interface SystemOptions {
  system: 'ours' | 'peer';
  /** The model folder, in the layout of the system. */
  folder: string;
  precision: ModelPrecision;
  threads: number;
}

/** What a system's process says. */
export type SystemReport =
  | { type: 'loaded'; seconds: number }
  | { type: 'measured'; answer: EngineAnswer; peakBytes: number };

/** Steps before those that are measured: a piece has 1 500, nearly all of them with code that is compiled and warm. */
export const warmUpSteps = 8;

/** Every system is asked for the same music. */
export const prompt = 'calm lofi with soft piano, a warm upright bass and dusty drums, 80 bpm';
export const guidanceScale = 3;
export const topK = 50;
export const frameRate = 50;
