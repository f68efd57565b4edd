import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { StoredWeight } from './checkpoint-weights.ts';
import {
  type AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  type GraphProto,
  GraphProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from './onnx-schema/onnx_pb.ts';

/** The name of a tensor that flows through the graph. */
export type Value = string;

/** A fixed size, or the name of one that is known at run time. */
type Dimension = number | string;

export type Attribute =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly graph: GraphBuilder };

const elementTypes = {
  float32: DataType.FLOAT,
  float16: DataType.FLOAT16,
  int64: DataType.INT64,
  bool: DataType.BOOL,
} as const;
export type ElementType = keyof typeof elementTypes;

export interface TensorType {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly Dimension[];
}

/**
 * How the weights of the large matrices are stored: whole, or in 8 or 4 bits with a scale for each block of 32 numbers;
 * `int4-g128` has one for each 128.
 */
export type ModelPrecision = 'fp32' | 'int8' | 'int4' | 'int4-g128';

/** Operators that are onnxruntime's own (https://onnxruntime.ai/docs/reference/operators/ContribOperators.html). */
const microsoftOperators: ReadonlySet<string> = new Set([
  'FusedMatMul',
  'MatMulNBits',
  'MultiHeadAttention',
  'SkipLayerNormalization',
]);

interface Node {
  readonly op: string;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

/**
 * An ONNX graph under construction: each method adds one operator (https://onnx.ai/onnx/operators, opset 17) and
 * returns the name of its result. Small constants are stored in the graph that uses them, where the runtime's fusions
 * look for them; weights once in the outermost graph, from which branches capture them.
 */
export class GraphBuilder {
  readonly weights: Map<string, StoredWeight>;
  readonly name: string;
  readonly precision: ModelPrecision;
  readonly #prefix: string;
  readonly #nodes: MessageInitShape<typeof NodeProtoSchema>[] = [];
  readonly #constants = new Map<string, MessageInitShape<typeof TensorProtoSchema>>();
  readonly #inputs: MessageInitShape<typeof ValueInfoProtoSchema>[] = [];
  readonly #outputs: MessageInitShape<typeof ValueInfoProtoSchema>[] = [];

  constructor(name: string, precision: ModelPrecision = 'fp32', parent?: GraphBuilder) {
    this.name = name;
    this.precision = precision;
    this.#prefix = parent ? `${name}/` : '';
    this.weights = parent?.weights ?? new Map();
  }

  /** A graph for one side of an If: it sees this graph's values and shares its weights. */
  branch(name: string): GraphBuilder {
    return new GraphBuilder(name, this.precision, this);
  }

  input(tensor: TensorType): Value {
    this.#inputs.push(valueInfo(tensor));
    return tensor.name;
  }

  /** Declares a result. A value that does not have the result's name yet is passed through Identity, which costs nothing. */
  output(value: Value, tensor: TensorType): void {
    if (value !== tensor.name) this.node({ op: 'Identity', inputs: [value], outputs: [tensor.name] });
    this.#outputs.push(valueInfo(tensor));
  }

  weight(weight: StoredWeight): Value {
    this.weights.set(weight.name, weight);
    return weight.name;
  }

  /** A number is a scalar, a list is one-dimensional. */
  int64(values: number | readonly number[]): Value {
    if (typeof values === 'number') return this.#int64(`int64(${values})`, [values], []);
    return this.#int64(`int64[${values}]`, values, [values.length]);
  }

  float(value: number): Value {
    return this.#constant(`float(${value})`, { dataType: DataType.FLOAT, floatData: [value] });
  }

  /** A float32 tensor without elements, such as [0, heads, 1, head size]. */
  empty(shape: readonly number[]): Value {
    return this.#constant(`empty[${shape}]`, { dims: shape.map(BigInt), dataType: DataType.FLOAT });
  }

  node({ op, inputs, outputs, attributes = {} }: Node): void {
    this.#nodes.push({
      name: `${this.#prefix}${op}_${this.#nodes.length}`,
      opType: op,
      domain: microsoftOperators.has(op) ? 'com.microsoft' : '',
      input: [...inputs],
      output: [...outputs],
      attribute: Object.entries(attributes).map(([name, attribute]) => attributeProto(name, attribute)),
    });
  }

  op(op: string, inputs: readonly Value[], attributes?: Readonly<Record<string, Attribute>>): Value {
    const output = `${this.#prefix}${op}_${this.#nodes.length}_output`;
    this.node({ op, inputs, outputs: [output], attributes });
    return output;
  }

  add(a: Value, b: Value): Value {
    return this.op('Add', [a, b]);
  }

  multiply(a: Value, b: Value): Value {
    return this.op('Mul', [a, b]);
  }

  matMul(a: Value, b: Value): Value {
    return this.op('MatMul', [a, b]);
  }

  softmax(scores: Value): Value {
    return this.op('Softmax', [scores], { axis: { int: -1 } });
  }

  /** 0 keeps a dimension, one −1 takes what is left. */
  reshape(value: Value, shape: readonly number[]): Value {
    return this.op('Reshape', [value, this.int64(shape)]);
  }

  transpose(value: Value, axes: readonly number[]): Value {
    return this.op('Transpose', [value], { perm: { ints: axes } });
  }

  unsqueeze(value: Value, axes: readonly number[]): Value {
    return this.op('Unsqueeze', [value, this.int64(axes)]);
  }

  concat(values: readonly Value[], axis: number): Value {
    return this.op('Concat', values, { axis: { int: axis } });
  }

  /** Rows of a table: indices [...] → [..., row]. */
  gather(table: Value, indices: Value, axis = 0): Value {
    return this.op('Gather', [table, indices], { axis: { int: axis } });
  }

  /** The size of one dimension as a one-element list. */
  sizeOf(value: Value, axis: number): Value {
    return this.op('Shape', [value], { start: { int: axis }, end: { int: axis + 1 } });
  }

  /** From start (included) to end (not included) along one axis; both are one-element lists. */
  slice(value: Value, range: { start: Value; end: Value; axis: number }): Value {
    return this.op('Slice', [value, range.start, range.end, this.int64([range.axis])]);
  }

  cast(value: Value, type: ElementType): Value {
    return this.op('Cast', [value], { to: { int: elementTypes[type] } });
  }

  toProto(): GraphProto {
    return create(GraphProtoSchema, {
      name: this.name,
      node: this.#nodes,
      initializer: [...this.#constants.values()],
      input: this.#inputs,
      output: this.#outputs,
    });
  }

  #int64(key: string, values: readonly number[], shape: readonly number[]): Value {
    return this.#constant(key, {
      dims: shape.map(BigInt),
      dataType: DataType.INT64,
      int64Data: values.map(BigInt),
    });
  }

  #constant(key: string, tensor: MessageInitShape<typeof TensorProtoSchema>): Value {
    const name = `${this.#prefix}${key}`;
    this.#constants.set(name, { name, ...tensor });
    return name;
  }
}

function valueInfo({ name, type, shape }: TensorType): MessageInitShape<typeof ValueInfoProtoSchema> {
  const dim = shape.map((size) => ({
    value:
      typeof size === 'number'
        ? { case: 'dimValue' as const, value: BigInt(size) }
        : { case: 'dimParam' as const, value: size },
  }));
  return {
    name,
    type: { value: { case: 'tensorType', value: { elemType: elementTypes[type], shape: { dim } } } },
  };
}

function attributeProto(name: string, attribute: Attribute): MessageInitShape<typeof AttributeProtoSchema> {
  if ('int' in attribute) return { name, type: AttributeType.INT, i: BigInt(attribute.int) };
  if ('ints' in attribute) return { name, type: AttributeType.INTS, ints: attribute.ints.map(BigInt) };
  if ('float' in attribute) return { name, type: AttributeType.FLOAT, f: attribute.float };
  if ('string' in attribute) {
    return { name, type: AttributeType.STRING, s: new TextEncoder().encode(attribute.string) };
  }
  return { name, type: AttributeType.GRAPH, g: attribute.graph.toProto() };
}
