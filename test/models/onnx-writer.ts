/**
 * Writes ONNX files for tests: only the parts of onnx.proto that a small graph needs
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
 */

type ElementType = 'float32' | 'int64';

interface ValueInfo {
  readonly name: string;
  readonly type: ElementType;
  /** A string names an open dimension. */
  readonly shape: readonly (number | string)[];
}

export interface Initializer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | BigInt64Array;
}

/** Weights that the file only refers to; for hostile and damaged models. */
export interface ExternalInitializer {
  readonly name: string;
  readonly shape: readonly number[];
  readonly location: string;
}

export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Integers, lists of integers, and numbers with a fraction are told apart by `float`. */
  readonly attributes?: Readonly<Record<string, number | readonly number[] | { readonly float: number }>>;
}

export interface Graph {
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly Node[];
  readonly initializers: readonly (Initializer | ExternalInitializer)[];
}

const IR_VERSION = 9;
const OPSET = 17;
const ELEMENT_CODE: Readonly<Record<ElementType, number>> = { float32: 1, int64: 7 };

/** The bytes of a ModelProto. */
export function writeOnnx(graph: Graph): Uint8Array {
  return Buffer.concat([
    integer(1, IR_VERSION),
    text(2, 'chiasm tests'),
    message(7, [
      ...graph.nodes.map((node) => message(1, writeNode(node))),
      text(2, 'graph'),
      ...graph.initializers.map((tensor) => message(5, writeTensor(tensor))),
      ...graph.inputs.map((value) => message(11, writeValue(value))),
      ...graph.outputs.map((value) => message(12, writeValue(value))),
    ]),
    message(8, [text(1, ''), integer(2, OPSET)]),
  ]);
}

function writeNode(node: Node): Buffer[] {
  return [
    ...node.inputs.map((name) => text(1, name)),
    ...node.outputs.map((name) => text(2, name)),
    text(4, node.op),
    ...Object.entries(node.attributes ?? {}).map(([name, value]) => message(5, writeAttribute(name, value))),
  ];
}

function writeAttribute(name: string, value: number | readonly number[] | { readonly float: number }): Buffer[] {
  if (typeof value === 'number') return [text(1, name), integer(3, value), integer(20, 2)];
  if ('float' in value) {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value.float);
    return [text(1, name), varint(2 * 8 + 5), bytes, integer(20, 1)];
  }
  return [text(1, name), ...value.map((item) => integer(8, item)), integer(20, 7)];
}

function writeTensor(tensor: Initializer | ExternalInitializer): Buffer[] {
  const dims = tensor.shape.map((size) => integer(1, size));
  if ('location' in tensor) {
    const location = message(13, [text(1, 'location'), text(2, tensor.location)]);
    return [...dims, integer(2, 1), text(8, tensor.name), location, integer(14, 1)];
  }
  const { data } = tensor;
  const type = data instanceof BigInt64Array ? ELEMENT_CODE.int64 : ELEMENT_CODE.float32;
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return [...dims, integer(2, type), text(8, tensor.name), message(9, [raw])];
}

/** ValueInfoProto: name 1, type 2 { tensor_type 1 { elem_type 1, shape 2 { dim 1 { dim_value 1 | dim_param 2 } } } } */
function writeValue(value: ValueInfo): Buffer[] {
  const dims = value.shape.map((size) => message(1, [typeof size === 'number' ? integer(1, size) : text(2, size)]));
  const tensorType = message(1, [integer(1, ELEMENT_CODE[value.type]), message(2, dims)]);
  return [text(1, value.name), message(2, [tensorType])];
}

function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}

const integer = (field: number, value: number): Buffer => Buffer.concat([varint(field * 8), varint(value)]);

function message(field: number, parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([varint(field * 8 + 2), varint(body.length), body]);
}

const text = (field: number, value: string): Buffer => message(field, [Buffer.from(value, 'utf8')]);
