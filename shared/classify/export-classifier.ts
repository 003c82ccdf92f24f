/** A trained network as an ONNX file: contents and what is there of them in, calibrated probabilities out. */

import { exportModel, type ParameterValues } from '#shared/learning/graph/emit-onnx.ts';
import { type Expression, OPEN } from '#shared/learning/graph/expression.ts';
import { softmax } from '#shared/learning/graph/layers.ts';
import { input, multiply } from '#shared/learning/graph/operators.ts';
import { type InputSpec, widthOf } from './model-inputs.ts';
import type { Network } from './network.ts';
import { contentName, PRESENT } from './training-data.ts';

export const probabilityName = (task: { readonly name: string }): string => `probabilities/${task.name}`;
/** How much each kind of content counted, [B, M]. */
export const weightName = (task: { readonly name: string }): string => `weights/${task.name}`;

export function exportClassifier(
  network: Network,
  specs: readonly InputSpec[],
  tasks: readonly { readonly name: string; readonly temperature: number }[],
  values: ParameterValues,
): Uint8Array {
  const { logits, weights } = network({
    contents: specs.map((spec) => input(contentName(spec), [OPEN, widthOf(spec)])),
    present: input(PRESENT, [OPEN, specs.length]),
  });
  const outputs: Record<string, Expression> = {};
  tasks.forEach((task, t) => {
    outputs[probabilityName(task)] = softmax(multiply(logits[t]!, 1 / task.temperature));
    if (weights !== undefined) outputs[weightName(task)] = weights[t]!;
  });
  return exportModel(outputs, values);
}
