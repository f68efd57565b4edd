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
import { fromFloat16, toFloat16 } from './float16.ts';
import { otherPrecisions } from './graph-files.ts';
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
  const fitWidths = widthsOf(session);
  return {
    file,
    inputs: session.inputNames,
    outputs: session.outputNames,
    inputShape: (name) => shapeOf(session.inputMetadata, name),
    outputShape: (name) => shapeOf(session.outputMetadata, name),
    run: async (feeds, fetches) => {
      const startedAt = performance.now();
      try {
        return await session.run(fitWidths(feeds), fetches);
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
      : `cannot be loaded, it may be damaged or incomplete${await adviceFor(options)}: ${reason}`,
  );
}

/** What to do about a graph that does not load: which other precision of it does, or is known to. */
async function adviceFor(options: SessionOptions): Promise<string> {
  for (const path of await otherPrecisions(options.path)) {
    const session = await create('cpu', { ...options, path }).catch(() => undefined);
    if (session === undefined) continue;
    await session.release();
    return ` (onnx/${basename(path)} beside it can be, and is used once those before it are removed)`;
  }
  // Published float16 decoders are known not to load: branches that return values of the outer graph.
  return /f16|fp16/.test(basename(options.path))
    ? ' (float16 graphs often are; put the float32, int8 or 4-bit graph of this model in its place)'
    : '';
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

/** The numbers of an output, widened where the graph gives float16. */
export function floats(tensors: Tensors, name: string): Float32Array {
  const tensor = tensors[name];
  if (tensor?.type !== 'float16') return tensor?.data as Float32Array;
  // A Node that knows float16 gives the numbers themselves, an older one their bits.
  return tensor.data instanceof Uint16Array
    ? Float32Array.from(tensor.data, fromFloat16)
    : Float32Array.from(tensor.data as ArrayLike<number>);
}

function shapeOf(
  tensors: readonly InferenceSession.ValueMetadata[],
  name: string,
): readonly (number | string)[] {
  return tensors.flatMap((it) => (it.name === name && it.isTensor ? it.shape : []));
}

/** Float32 feeds as float16 where the graph wants that; what came out of it as float16 already fits. */
function widthsOf(session: InferenceSession): (feeds: Tensors) => Tensors {
  const narrow = new Set(
    session.inputMetadata.flatMap((input) => (input.isTensor && input.type === 'float16' ? input.name : [])),
  );
  if (narrow.size === 0) return (feeds) => feeds;
  return (feeds) =>
    Object.fromEntries(
      Object.entries(feeds).map(([name, tensor]) => [
        name,
        narrow.has(name) && tensor.type === 'float32' ? narrowed(tensor) : tensor,
      ]),
    );
}

function narrowed(tensor: Tensor): Tensor {
  return new Tensor('float16', Uint16Array.from(tensor.data as Float32Array, toFloat16), tensor.dims);
}

/** ONNX Runtime's messages without the paths of its own source files. */
function reasonOf(error: unknown): string {
  return String(error)
    .replace(/^Error: /, '')
    .replace(/^Load model from .* failed:/, '')
    .replace(/\/\S*\/onnxruntime\/\S+ .*?\) /g, '')
    .trim();
}
