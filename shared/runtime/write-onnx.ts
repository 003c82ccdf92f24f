/**
 * Writes ONNX files: only the parts of onnx.proto that our graphs need
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
 */

import { floatField, integerField, messageField, textField } from './protobuf-writer.ts';

type ElementType = 'float32' | 'int64' | 'bool';

interface ValueInfo {
  readonly name: string;
  readonly type: ElementType;
  /** A string names an open dimension. */
  readonly shape: readonly (number | string)[];
}

export interface Initializer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array | Int8Array;
}

/** Weights that the file only refers to. */
export interface ExternalInitializer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly location: string;
}

/** Integers, lists of integers, words, numbers with a fraction (told apart by `float`), graphs of Loop and If. */
export type Attribute = number | readonly number[] | string | { readonly float: number } | { readonly graph: Graph };

export interface Node {
  readonly op: string;
  /** An input that is left out is the empty name. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

export interface Graph {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly Node[];
  readonly initializers: readonly (Initializer | ExternalInitializer)[];
}

const IR_VERSION = 9;
const OPSET = 17;
const ELEMENT_CODE: Readonly<Record<ElementType | 'int8', number>> = { float32: 1, int8: 3, int64: 7, bool: 9 };

/** AttributeProto.AttributeType */
const ATTRIBUTE_TYPE = { float: 1, integer: 2, text: 3, graph: 5, integers: 7 } as const;

/** The bytes of a ModelProto. */
export function writeOnnx(graph: Graph): Uint8Array {
  return Buffer.concat([
    integerField(1, IR_VERSION),
    textField(2, 'chiasm'),
    messageField(7, writeGraph(graph)),
    messageField(8, [textField(1, ''), integerField(2, OPSET)]),
  ]);
}

function writeGraph(graph: Graph): Buffer[] {
  return [
    ...graph.nodes.map((node) => messageField(1, writeNode(node))),
    textField(2, 'graph'),
    ...graph.initializers.map((tensor) => messageField(5, writeTensor(tensor))),
    ...graph.inputs.map((value) => messageField(11, writeValue(value))),
    ...graph.outputs.map((value) => messageField(12, writeValue(value))),
  ];
}

function writeNode(node: Node): Buffer[] {
  return [
    ...node.inputs.map((name) => textField(1, name)),
    ...node.outputs.map((name) => textField(2, name)),
    textField(4, node.op),
    ...Object.entries(node.attributes ?? {}).map(([name, value]) =>
      messageField(5, [textField(1, name), ...writeAttribute(value)]),
    ),
  ];
}

function writeAttribute(value: Attribute): Buffer[] {
  if (typeof value === 'number') return [integerField(3, value), integerField(20, ATTRIBUTE_TYPE.integer)];
  if (typeof value === 'string') return [textField(4, value), integerField(20, ATTRIBUTE_TYPE.text)];
  if ('float' in value) return [floatField(2, value.float), integerField(20, ATTRIBUTE_TYPE.float)];
  if ('graph' in value) return [messageField(6, writeGraph(value.graph)), integerField(20, ATTRIBUTE_TYPE.graph)];
  return [...value.map((item) => integerField(8, item)), integerField(20, ATTRIBUTE_TYPE.integers)];
}

function writeTensor(tensor: Initializer | ExternalInitializer): Buffer[] {
  const dims = tensor.shape.map((size) => integerField(1, size));
  if ('location' in tensor) {
    const location = messageField(13, [textField(1, 'location'), textField(2, tensor.location)]);
    return [...dims, integerField(2, ELEMENT_CODE.float32), textField(8, tensor.name), location, integerField(14, 1)];
  }
  const { data } = tensor;
  const type = data instanceof BigInt64Array ? 'int64' : data instanceof Int8Array ? 'int8' : 'float32';
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return [...dims, integerField(2, ELEMENT_CODE[type]), textField(8, tensor.name), messageField(9, [raw])];
}

/** ValueInfoProto: name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 { dim_value 1 | dim_param 2 } } } } */
function writeValue(value: ValueInfo): Buffer[] {
  const dims = value.shape.map((size) =>
    messageField(1, [typeof size === 'number' ? integerField(1, size) : textField(2, size)]),
  );
  const tensorType = messageField(1, [integerField(1, ELEMENT_CODE[value.type]), messageField(2, dims)]);
  return [textField(1, value.name), messageField(2, [tensorType])];
}
