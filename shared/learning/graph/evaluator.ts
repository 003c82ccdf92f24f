/** Runs a network with weights that change between the runs: one session, the weights are inputs like any other. */

import type { Session, Tensors } from '#shared/runtime/session.ts';
import { writeOnnx } from '#shared/runtime/write-onnx.ts';
import { emit, floatValue, type ParameterValues } from './emit-onnx.ts';
import { type Expression, inOrder, isInput, isParameter, OPEN, type Shape } from './expression.ts';
import type { Feeds, TrainerDependencies } from './trainer.ts';

export interface Evaluator {
  /**
   * @param feeds by the name of the input, with as many rows as there are
   * @returns by the name of the output, row-major
   */
  run(rows: number, feeds: Feeds, values: ParameterValues): Promise<Readonly<Record<string, Float32Array>>>;
  close(): Promise<void>;
}

/** @param outputs expressions whose open axis is the batch */
export async function openEvaluator(
  outputs: Readonly<Record<string, Expression>>,
  { openSession, sessionOptions }: TrainerDependencies,
): Promise<Evaluator> {
  const expressions = Object.values(outputs);
  const inputs = inOrder(expressions).filter(isInput);
  const parameters = inOrder(expressions).filter(isParameter);
  const { nodes, initializers, results } = emit(expressions, (leaf) => leaf.attributes.name);
  const rename = new Map(Object.keys(outputs).map((name, i) => [results[i]!, name]));
  const session: Session = await openSession(
    writeOnnx({
      inputs: [...inputs, ...parameters].map(({ attributes: { name }, shape }) => floatValue(name, shape)),
      outputs: Object.entries(outputs).map(([name, { shape }]) => floatValue(name, shape)),
      nodes: nodes.map((node) => ({ ...node, outputs: node.outputs.map((name) => rename.get(name) ?? name) })),
      initializers,
    }),
    sessionOptions,
  );
  return {
    run: async (rows, feeds, values) => {
      const tensor = (shape: Shape, data: Float32Array) => ({
        type: 'float32' as const,
        shape: shape.map((size) => (size === OPEN ? rows : size)),
        data: data.slice(), // the session takes the memory
      });
      const tensors: Tensors = Object.fromEntries([
        ...inputs.map(({ attributes: { name }, shape }) => [name, tensor(shape, feeds[name]!)]),
        ...parameters.map(({ attributes: { name, initial }, shape }) => [
          name,
          tensor(shape, values.get(name) ?? initial),
        ]),
      ]);
      const answers = await session.run(tensors);
      return Object.fromEntries(Object.entries(answers).map(([name, { data }]) => [name, data as Float32Array]));
    },
    close: () => session.close(),
  };
}
