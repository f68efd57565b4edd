import { type FileHandle, open } from 'node:fs/promises';
import { create, type DescField, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { ServiceError } from '@musicgen/contract';
import type { Weight } from './checkpoint-weights.ts';
import type { GraphBuilder } from './graph-builder.ts';
import {
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  ModelProtoSchema,
  TensorProtoSchema,
} from './onnx-schema/onnx_pb.ts';

/** IR version 8 and opset 17 (LayerNormalization): what onnxruntime reads since 1.12. */
const modelHeader = {
  irVersion: 8n,
  opsetImport: [{ domain: '', version: 17n }],
  producerName: 'musicgen-service',
};

/** A protobuf message, and so an ONNX file, has to stay below 2 GiB. */
const maxFileBytes = 2 ** 31 - 1;
const headerMargin = 4096;

/** An ONNX file that is laid out but not written: everything but the weights' values. */
export interface OnnxFilePlan {
  readonly byteLength: number;
  readonly head: Uint8Array;
  readonly weights: readonly { readonly weight: Weight; readonly head: Uint8Array }[];
}

/**
 * Lays out a model whose weights are stored inside the file. Message lengths come before their content in protobuf, and
 * all of them are known from the weights' shapes, so that the values can be streamed afterwards, one tensor at a time.
 * @throws ServiceError `model_load_failed` when the weights do not fit into one file
 */
export function planOnnxFile(name: string, graph: GraphBuilder): OnnxFilePlan {
  const weights = [...graph.weights.values()].map((weight) => ({ weight, head: weightHead(weight) }));
  const graphHead = toBinary(GraphProtoSchema, graph.toProto());
  const weightBytes = weights.reduce((sum, { weight, head }) => sum + head.length + valueBytes(weight), 0);
  if (graphHead.length + weightBytes > maxFileBytes - headerMargin) throw tooLarge(name, weightBytes);
  const model = toBinary(ModelProtoSchema, create(ModelProtoSchema, modelHeader));
  const graphField = fieldHead(ModelProtoSchema.field.graph, graphHead.length + weightBytes);
  const head = Buffer.concat([model, graphField, graphHead]);
  return { byteLength: head.length + weightBytes, head, weights };
}

/** A GraphProto.initializer up to, but without, its values. */
function weightHead(weight: Weight): Uint8Array {
  const description = toBinary(
    TensorProtoSchema,
    create(TensorProtoSchema, {
      name: weight.name,
      dims: weight.shape.map(BigInt),
      dataType: DataType.FLOAT,
    }),
  );
  const values = fieldHead(TensorProtoSchema.field.rawData, valueBytes(weight));
  const length = description.length + values.length + valueBytes(weight);
  return Buffer.concat([fieldHead(GraphProtoSchema.field.initializer, length), description, values]);
}

function fieldHead(field: DescField, byteLength: number): Uint8Array {
  return new BinaryWriter().tag(field.number, WireType.LengthDelimited).uint32(byteLength).finish();
}

function valueBytes(weight: Weight): number {
  return weight.shape.reduce((product, size) => product * size, Float32Array.BYTES_PER_ELEMENT);
}

function tooLarge(name: string, byteCount: number) {
  const gigabytes = (byteCount / 1e9).toFixed(1);
  return new ServiceError(
    'model_load_failed',
    `${name} would take ${gigabytes} GB, but one ONNX file holds at most 2 GB.`,
  );
}

export interface WriteOnnxFileOptions {
  readonly path: string;
  readonly plan: OnnxFilePlan;
  readonly onBytes: (byteCount: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Writes the planned file; at most one weight is in memory at a time. */
export async function writeOnnxFile({ path, plan, onBytes, signal }: WriteOnnxFileOptions): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await writeAll(file, plan.head);
    onBytes(plan.head.length);
    for (const { weight, head } of plan.weights) {
      signal?.throwIfAborted();
      const values = await weight.load();
      await writeAll(file, head);
      await writeAll(file, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      onBytes(head.length + values.byteLength);
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A single write may be cut short, at the latest at 2 GiB. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.length) done += (await file.write(bytes, done, bytes.length - done)).bytesWritten;
}
