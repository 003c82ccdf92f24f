/**
 * Runs training steps on ONNX Runtime. Forward pass, gradients and update are one ONNX model whose `Loop` makes as many
 * steps in a run as it is given batches for, so that parameters stay in the runtime between steps.
 */

import { ChiasmError } from '#shared/core/errors.ts';
import type { OpenSession, SessionOptions, Tensor, Tensors } from '#shared/runtime/session.ts';
import type { Graph } from '#shared/runtime/write-onnx.ts';
import { writeOnnx } from '#shared/runtime/write-onnx.ts';
import { emit, floatValue, type ParameterValues } from './emit-onnx.ts';
import { type Expression, inOrder, isInput, isParameter, sizeOf } from './expression.ts';
import type { Schedule } from './optimisers.ts';
import { STEP, type TrainingStep } from './training-step.ts';

export type Feeds = Readonly<Record<string, Float32Array>>;

export interface Trainer {
  /** Steps made so far. */
  readonly steps: number;
  /**
   * Makes `steps` steps.
   * @param feeds by the name of the input: of scope `step` [steps, ...shape], of scope `run` [...shape]. Memory of the
   *   former belongs to the runtime from here on.
   * @returns for each report [steps, ...shape]
   */
  run(steps: number, feeds: Feeds): Promise<Readonly<Record<string, Float32Array>>>;
  /** Copies of all that training changes: parameters and the optimiser's memory. With `steps`, a checkpoint. */
  values(): Map<string, Float32Array>;
  /** Goes on from a checkpoint. @throws ChiasmError `state_corrupt` when it is of another network */
  restore(values: ParameterValues, steps: number): void;
  close(): Promise<void>;
}

export interface TrainerDependencies {
  readonly openSession: OpenSession;
  readonly sessionOptions?: SessionOptions;
}

export async function openTrainer(
  step: TrainingStep,
  schedule: Schedule,
  { openSession, sessionOptions }: TrainerDependencies,
): Promise<Trainer> {
  const targets = step.assignments.map(({ target }) => target);
  const model = writeOnnx(trainingGraph(step));
  const session = await openSession(model, sessionOptions);
  const state = new Map<string, Float32Array>(
    targets.map(({ attributes: { name, initial } }) => [name, initial.slice()]),
  );
  const shapes = new Map(targets.map(({ attributes: { name }, shape }) => [name, shape]));
  const inputs = inputsOf(step);
  let stepsDone = 0;

  return {
    get steps() {
      return stepsDone;
    },
    async run(steps, feeds) {
      const numbers = Float32Array.from({ length: steps }, (_, i) => stepsDone + i + 1);
      const clock = { step: numbers, learningRate: numbers.map(schedule) };
      const parameters = [...state].map(([name, data]) => [name, floats(shapes.get(name)!, data)]);
      const outputs = await session.run({
        ...inputTensors(inputs, { ...feeds, ...clock }, steps),
        ...Object.fromEntries(parameters),
      });
      for (const name of state.keys()) state.set(name, outputs[outputName(name)]!.data as Float32Array);
      stepsDone += steps;
      return Object.fromEntries(Object.keys(step.reports).map((name) => [name, outputs[name]!.data as Float32Array]));
    },
    values: () => new Map([...state].map(([name, data]) => [name, data.slice()])),
    restore(values, steps) {
      for (const [name, data] of state) {
        const stored = values.get(name);
        if (stored?.length !== data.length) {
          const found = stored === undefined ? 'is missing' : `has ${stored.length} values`;
          throw new ChiasmError('state_corrupt', `${name} ${found} in the checkpoint; expected ${data.length} values`);
        }
      }
      for (const name of state.keys()) state.set(name, values.get(name)!.slice());
      stepsDone = steps;
    },
    close: () => session.close(),
  };
}

const floats = (shape: readonly number[], data: Float32Array): Tensor => ({ type: 'float32', shape, data });
const outputName = (parameter: string): string => `${parameter}/next`;

/** The inputs that a step reads, and `STEP`, which counts the turns of the loop. */
function inputsOf({ assignments, reports }: TrainingStep): readonly Expression<'input'>[] {
  const roots = [...assignments.map(({ value }) => value), ...Object.values(reports)];
  return [STEP, ...inOrder(roots).filter((leaf) => isInput(leaf) && leaf !== STEP)] as Expression<'input'>[];
}

function inputTensors(inputs: readonly Expression<'input'>[], feeds: Feeds, steps: number): Tensors {
  const tensors = inputs.map(({ attributes: { name, shape, scope } }): [string, Tensor] => {
    const data = feeds[name];
    const whole = scope === 'step' ? [steps, ...shape] : shape;
    if (data?.length === sizeOf(whole)) return [name, floats(whole, scope === 'step' ? data : data.slice())];
    const found = data === undefined ? 'nothing' : `${data.length} values`;
    throw new ChiasmError('internal', `the input ${name} takes [${whole}] and got ${found}`);
  });
  return Object.fromEntries(tensors);
}

/** Loop over the batches; what it carries from turn to turn are the parameters and the optimiser's memory. */
function trainingGraph(step: TrainingStep): Graph {
  const carried = step.assignments.map(({ target }) => target);
  const reports = Object.entries(step.reports);
  const inputs = inputsOf(step);
  const values = [...step.assignments.map(({ value }) => value), ...reports.map(([, report]) => report)];
  const turnName = (leaf: Expression<'input'> | Expression<'parameter'>): string => `${leaf.attributes.name}/turn`;
  const { nodes, initializers, results } = emit(values, (leaf) => {
    const changes = isInput(leaf) ? leaf.attributes.scope === 'step' : carried.includes(leaf);
    return changes ? turnName(leaf) : leaf.attributes.name;
  });
  const fixed = inOrder(values)
    .filter(isParameter)
    .filter((leaf) => !carried.includes(leaf));

  const body: Graph = {
    inputs: [
      { name: 'turn', type: 'int64', shape: [] },
      { name: 'more', type: 'bool', shape: [] },
      ...carried.map((target) => floatValue(turnName(target), target.shape)),
    ],
    outputs: [
      { name: 'still more', type: 'bool', shape: [] },
      ...values.map(({ shape }, i) => floatValue(results[i]!, shape)),
    ],
    nodes: [
      { op: 'Identity', inputs: ['more'], outputs: ['still more'] },
      ...inputs
        .filter(({ attributes }) => attributes.scope === 'step')
        .map((leaf) => ({ op: 'Gather', inputs: [leaf.attributes.name, 'turn'], outputs: [turnName(leaf)] })),
      ...nodes,
    ],
    initializers: [],
  };
  return {
    inputs: [
      ...inputs.map(({ attributes: { name, scope }, shape }) =>
        scope === 'step' ? { ...floatValue(name, shape), shape: ['steps', ...shape] } : floatValue(name, shape),
      ),
      ...carried.map(({ attributes: { name }, shape }) => floatValue(name, shape)),
    ],
    outputs: [
      ...carried.map(({ attributes: { name }, shape }) => floatValue(outputName(name), shape)),
      ...reports.map(([name, { shape }]) => ({ ...floatValue(name, shape), shape: ['steps', ...shape] })),
    ],
    nodes: [
      { op: 'Size', inputs: ['step'], outputs: ['turns'] },
      {
        op: 'Loop',
        inputs: ['turns', '', ...carried.map(({ attributes: { name } }) => name)],
        outputs: [...carried.map(({ attributes: { name } }) => outputName(name)), ...reports.map(([name]) => name)],
        attributes: { body: { graph: body } },
      },
    ],
    initializers: [
      ...initializers,
      ...fixed.map(({ attributes: { name, initial }, shape }) => ({ name, shape, data: initial })),
    ],
  };
}
