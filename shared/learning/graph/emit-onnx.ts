/** Expressions as ONNX nodes, and the trained part of a network as a model file. */

import type { Attribute, Graph, Initializer, Node } from '#shared/runtime/write-onnx.ts';
import { writeOnnx } from '#shared/runtime/write-onnx.ts';
import { type Expression, inOrder, isInput, isParameter, OPEN, type Shape } from './expression.ts';
import type { NodeWriter } from './node-writer.ts';
import { operatorOf } from './operators.ts';

export interface Emission {
  readonly nodes: readonly Node[];
  readonly initializers: readonly Initializer[];
  /** The names of the expressions' values. Each is the result of a node of its own, so that it can be an output. */
  readonly results: readonly string[];
}

/** @param leafName the name under which an input or a parameter is known to the graph */
export function emit(
  expressions: readonly Expression[],
  leafName: (leaf: Expression<'input'> | Expression<'parameter'>) => string,
): Emission {
  const nodes: Node[] = [];
  const { initializers, writer } = createWriter(nodes);
  const names = new Map<Expression, string>();
  for (const expression of inOrder(expressions)) {
    const operands = expression.operands.map((operand) => names.get(operand)!);
    const isLeaf = isInput(expression) || isParameter(expression);
    names.set(expression, isLeaf ? leafName(expression) : operatorOf(expression).emit(writer, operands, expression));
  }
  const results = expressions.map((expression) => writer.node('Identity', [names.get(expression)!]));
  return { nodes, initializers, results };
}

/** Numbers the results; equal constants of one element are written once. */
function createWriter(nodes: Node[]): { readonly initializers: readonly Initializer[]; readonly writer: NodeWriter } {
  const initializers: Initializer[] = [];
  const known = new Map<string, string>();
  const add = (shape: Shape, data: Float32Array | BigInt64Array): string => {
    const key = data.length > 1 ? '' : `${data.constructor.name} ${shape} ${Object.is(data[0], -0) ? '-0' : data[0]}`;
    const found = known.get(key);
    if (found !== undefined) return found;
    const name = `constant${initializers.length}`;
    initializers.push({ name, shape, data });
    if (key !== '') known.set(key, name);
    return name;
  };
  const writer: NodeWriter = {
    node(op, inputs, attributes?: Readonly<Record<string, Attribute>>) {
      const output = `value${nodes.length}`;
      nodes.push({ op, inputs, outputs: [output], ...(attributes && { attributes }) });
      return output;
    },
    floats: add,
    integers: (values) =>
      typeof values === 'object'
        ? add([values.length], BigInt64Array.from(values, BigInt))
        : add([], BigInt64Array.of(BigInt(values))),
  };
  return { initializers, writer };
}

/** Values of parameters by name. */
export type ParameterValues = ReadonlyMap<string, Float32Array>;

/**
 * A network as an ONNX model: the inputs that `outputs` depend on, parameters as weights.
 * @param values of the parameters; one that is missing has its initial value
 */
export function exportModel(
  outputs: Readonly<Record<string, Expression>>,
  values: ParameterValues = new Map(),
): Uint8Array {
  const expressions = Object.values(outputs);
  const leaves = inOrder(expressions);
  const { nodes, initializers, results } = emit(expressions, (leaf) => leaf.attributes.name);
  const rename = new Map(Object.keys(outputs).map((name, i) => [results[i]!, name]));
  const graph: Graph = {
    inputs: leaves.filter(isInput).map(({ attributes: { name }, shape }) => floatValue(name, shape)),
    outputs: Object.entries(outputs).map(([name, { shape }]) => floatValue(name, shape)),
    nodes: nodes.map((node) => ({ ...node, outputs: node.outputs.map((name) => rename.get(name) ?? name) })),
    initializers: [
      ...initializers,
      ...leaves.filter(isParameter).map(({ attributes: { name, initial }, shape }) => ({
        name,
        shape,
        data: values.get(name) ?? initial,
      })),
    ],
  };
  return writeOnnx(graph);
}

export const floatValue = (name: string, shape: Shape) => ({
  name,
  type: 'float32' as const,
  shape: shape.map((size) => (size === OPEN ? 'batch' : size)),
});
