import { basename } from 'node:path';
import { ServiceError } from '@musicgen/contract';
import { InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';
import {
  describeRefusals,
  type ExecutionProvider,
  type Placement,
  type ProviderRefusal,
} from './execution-providers.ts';
import { failureCode } from './failure-code.ts';
import { broken } from './json-file.ts';

// ONNX Runtime 1.30 sends usage data to its maker unless told not to; it reads this when the first session is made.
process.env.ORT_DISABLE_TELEMETRY = '1';

export { Tensor };

/** Tensors by input name, or by output name. */
export type Tensors = Record<string, Tensor>;

export interface SessionOptions {
  path: string;
  /** Threads of one operator; absent: one per physical core. */
  threads?: number;
  /**
   * `keep` holds on to memory between runs, which is fastest when every run needs about the same; `return` gives it
   * back, for graphs that run seldom and need much.
   */
  memory: 'keep' | 'return';
  /** In order of preference: the first that can load the graph runs it. Absent: the CPU. */
  providers?: readonly ExecutionProvider[];
  /** Told where the graph runs, once it is loaded. */
  onPlaced?: (placement: Placement) => void;
}

/** An ONNX graph ready to run. A run blocks the event loop until it is done. */
export interface Session {
  /** The graph's file name, for messages. */
  file: string;
  inputs: readonly string[];
  outputs: readonly string[];
  /** Shape of an input as the graph declares it; a free dimension is its name. */
  inputShape(name: string): readonly (number | string)[];
  outputShape(name: string): readonly (number | string)[];
  /**
   * Runs the graph. Outputs that are not asked for cost nothing; each that is, is copied.
   * @throws ServiceError `generation_failed`, `out_of_memory`
   */
  run(feeds: Tensors, fetches: readonly string[]): Promise<Tensors>;
  release(): Promise<void>;
}

let millisecondsInRuns = 0;

/** Seconds that this process has spent inside runs of ONNX Runtime. */
export function secondsInRuns(): number {
  return millisecondsInRuns / 1000;
}

/**
 * Loads an ONNX graph. The CPU takes over only where it is among the providers; single operators that another provider
 * has no kernel for run on the CPU in any case.
 * @throws ServiceError `model_load_failed` naming the file, and each provider with what it lacks
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const file = `onnx/${basename(options.path)}`;
  const session = await createWithFirst(options.providers ?? ['cpu'], options, file);
  refuseFloat16(session, file);
  return {
    file,
    inputs: session.inputNames,
    outputs: session.outputNames,
    inputShape: (name) => shapeOf(session.inputMetadata, name),
    outputShape: (name) => shapeOf(session.outputMetadata, name),
    run: async (feeds, fetches) => {
      const startedAt = performance.now();
      try {
        return await session.run(feeds, fetches);
      } catch (error) {
        throw new ServiceError(failureCode(error), `${file} failed: ${reasonOf(error)}`, { cause: error });
      } finally {
        millisecondsInRuns += performance.now() - startedAt;
      }
    },
    release: () => session.release(),
  };
}

async function createWithFirst(
  providers: readonly ExecutionProvider[],
  options: SessionOptions,
  file: string,
): Promise<InferenceSession> {
  const refused: ProviderRefusal[] = [];
  for (const provider of providers) {
    try {
      const session = await create(provider, options);
      options.onPlaced?.({ file, provider, refused });
      return session;
    } catch (error) {
      refused.push({ provider, reason: reasonOf(error) });
    }
  }
  const { reason } = refused.find(({ provider }) => provider === 'cpu') ?? {};
  throw broken(
    file,
    reason === undefined
      ? `can be loaded with none of the execution providers that are allowed: ${describeRefusals(refused)}`
      : `cannot be loaded, it may be damaged or incomplete: ${reason}`,
  );
}

async function create(provider: ExecutionProvider, options: SessionOptions): Promise<InferenceSession> {
  const present = listSupportedBackends().map(({ name }) => name);
  if (!present.includes(provider)) {
    const system = `${process.platform} ${process.arch}`;
    throw new Error(`ONNX Runtime for ${system} has only ${present.join(', ')}`);
  }
  return await InferenceSession.create(options.path, {
    executionProviders: [provider],
    intraOpNumThreads: options.threads ?? 0,
    enableCpuMemArena: options.memory === 'keep',
    // Errors are thrown with the same text; only what ends the process is worth writing to stderr.
    logSeverityLevel: 4,
  });
}

/**
 * Checks that a graph has the inputs and outputs of the standard layout.
 * @throws ServiceError `model_load_failed`
 */
export function requireNames(session: Session, names: { inputs: string[]; outputs: string[] }): void {
  const missing = [
    ...names.inputs.filter((name) => !session.inputs.includes(name)).map((name) => `input ${name}`),
    ...names.outputs.filter((name) => !session.outputs.includes(name)).map((name) => `output ${name}`),
  ];
  if (missing.length > 0)
    throw broken(session.file, `has no ${missing.join(', no ')}: it is another kind of graph`);
}

/** An int64 tensor, the type of all ids in the standard layout. */
export function idTensor(ids: ArrayLike<number>, shape: readonly number[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(ids, BigInt), shape);
}

/** The data of a float32 output. */
export function floats(tensors: Tensors, name: string): Float32Array {
  return tensors[name]?.data as Float32Array;
}

function shapeOf(
  tensors: readonly InferenceSession.ValueMetadata[],
  name: string,
): readonly (number | string)[] {
  return tensors.flatMap((it) => (it.name === name && it.isTensor ? it.shape : []));
}

function refuseFloat16(session: InferenceSession, file: string): void {
  const half = session.inputMetadata.find((input) => input.isTensor && input.type === 'float16');
  if (half)
    throw broken(file, `takes ${half.name} as float16; use the float32, int8 or 4-bit graph of this model`);
}

/** ONNX Runtime's messages without the paths of its own source files. */
function reasonOf(error: unknown): string {
  return String(error)
    .replace(/^Error: /, '')
    .replace(/^Load model from .* failed:/, '')
    .replace(/\/\S*\/onnxruntime\/\S+ .*?\) /g, '')
    .trim();
}
