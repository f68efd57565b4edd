import { basename } from 'node:path';
import { create, type DescField, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { StoredWeight } from './checkpoint-weights.ts';
import type { GraphBuilder } from './graph-builder.ts';
import {
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  GraphProtoSchema,
  ModelProtoSchema,
  TensorProtoSchema,
} from './onnx-schema/onnx_pb.ts';

/** IR version 8 and opset 17 (LayerNormalization): what onnxruntime reads since 1.12. */
const modelHeader = {
  irVersion: 8n,
  opsetImport: [
    { domain: '', version: 17n },
    { domain: 'com.microsoft', version: 1n },
  ],
  producerName: 'musicgen-service',
};

/** A protobuf message, and so an ONNX file, has to stay below 2 GiB. */
const maxMessageBytes = 2 ** 31 - 1;

/** The ONNX specification's advice for external data: onnxruntime can then map it into memory. */
const externalAlignment = 4096;

/** A file that is laid out but not written yet: bytes that are known, and weights whose values are read when their turn comes. */
export interface FilePlan {
  readonly path: string;
  readonly byteLength: number;
  readonly parts: readonly (Uint8Array | StoredWeight)[];
}

/**
 * Lays out a model: one file, or where that would be larger than wanted the graph and beside it `<path>_data` with the
 * weights (https://onnx.ai/onnx/repo-docs/ExternalData.html). All sizes follow from the weights' shapes, so the values
 * can be streamed one tensor at a time.
 * @param largestFile bytes; protobuf's limit where nothing is said
 */
export function planOnnxFiles(path: string, graph: GraphBuilder, largestFile = maxMessageBytes): FilePlan[] {
  const whole = planWhole(path, graph);
  return whole.byteLength <= largestFile ? [whole] : planWithExternalData(path, graph);
}

/**
 * Protobuf puts a message's length before its content. So the model's own fields come first, then the head of the graph
 * field, the graph without weights, and each weight as one more element of its `initializer`.
 */
function planWhole(path: string, graph: GraphBuilder): FilePlan {
  const body = toBinary(GraphProtoSchema, graph.toProto());
  const weights = [...graph.weights.values()].flatMap((weight) => [initializerHead(weight), weight]);
  const graphBytes = body.length + totalBytes(weights);
  const model = toBinary(ModelProtoSchema, create(ModelProtoSchema, modelHeader));
  return filePlan(path, [model, fieldHead(ModelProtoSchema.field.graph, graphBytes), body, ...weights]);
}

/** A GraphProto.initializer up to, but without, its values. */
function initializerHead(weight: StoredWeight): Uint8Array {
  const description = toBinary(TensorProtoSchema, create(TensorProtoSchema, describe(weight)));
  const values = fieldHead(TensorProtoSchema.field.rawData, weightBytes(weight));
  const length = description.length + values.length + weightBytes(weight);
  return Buffer.concat([fieldHead(GraphProtoSchema.field.initializer, length), description, values]);
}

function planWithExternalData(path: string, graph: GraphBuilder): FilePlan[] {
  const dataPath = `${path}_data`;
  const proto = graph.toProto();
  const parts: (Uint8Array | StoredWeight)[] = [];
  let offset = 0;
  for (const weight of graph.weights.values()) {
    const padding = (externalAlignment - (offset % externalAlignment)) % externalAlignment;
    offset += padding;
    proto.initializer.push(create(TensorProtoSchema, describeExternal(weight, basename(dataPath), offset)));
    parts.push(new Uint8Array(padding), weight);
    offset += weightBytes(weight);
  }
  const model = toBinary(ModelProtoSchema, create(ModelProtoSchema, { ...modelHeader, graph: proto }));
  return [filePlan(path, [model]), filePlan(dataPath, parts)];
}

function describe({ name, shape, type }: StoredWeight) {
  return { name, dims: shape.map(BigInt), dataType: type ? DataType.UINT8 : DataType.FLOAT };
}

function describeExternal(weight: StoredWeight, location: string, offset: number) {
  const place = { location, offset: `${offset}`, length: `${weightBytes(weight)}` };
  return {
    ...describe(weight),
    dataLocation: DataLocation.EXTERNAL,
    externalData: Object.entries(place).map(([key, value]) => ({ key, value })),
  };
}

function filePlan(path: string, parts: readonly (Uint8Array | StoredWeight)[]): FilePlan {
  return { path, byteLength: totalBytes(parts), parts };
}

/** The tag and length that open a field of bytes or of a message; the content follows. */
function fieldHead(field: DescField, byteLength: number): Uint8Array {
  // A length beyond 32 bits only occurs in a plan that is then given up for external data.
  const length = Math.min(byteLength, 2 ** 32 - 1);
  return new BinaryWriter().tag(field.number, WireType.LengthDelimited).uint32(length).finish();
}

function totalBytes(parts: readonly (Uint8Array | StoredWeight)[]): number {
  return parts.reduce((sum, part) => sum + ('load' in part ? weightBytes(part) : part.length), 0);
}

function weightBytes({ shape, type }: StoredWeight): number {
  const elementBytes = type ? Uint8Array.BYTES_PER_ELEMENT : Float32Array.BYTES_PER_ELEMENT;
  return shape.reduce((product, size) => product * size, elementBytes);
}
