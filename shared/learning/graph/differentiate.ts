/** Reverse-mode differentiation: gradients are expressions like any other. */

import { type Expression, inOrder, type Shape, sameShape } from './expression.ts';
import { add, filled, operatorOf, reshape, sum } from './operators.ts';

/**
 * dL/dw for each w of `targets`, in their order and shapes; zeros where the loss does not depend on one.
 * @param loss one element
 */
export function differentiate(loss: Expression, targets: readonly Expression[]): readonly Expression[] {
  const order = inOrder([loss]);
  const leadsToTarget = new Set<Expression>(targets);
  for (const expression of order) {
    if (expression.operands.some((operand) => leadsToTarget.has(operand))) leadsToTarget.add(expression);
  }
  const gradients = new Map<Expression, Expression>([[loss, filled(loss.shape, 1)]]);
  for (const expression of [...order].reverse()) {
    const gradient = gradients.get(expression);
    if (gradient === undefined || !leadsToTarget.has(expression)) continue;
    operatorOf(expression)
      .differentiate(gradient, expression)
      .forEach((part, i) => {
        const operand = expression.operands[i]!;
        if (part === undefined || !leadsToTarget.has(operand)) return;
        const known = gradients.get(operand);
        const shaped = sumTo(part, operand.shape);
        gradients.set(operand, known === undefined ? shaped : add(known, shaped));
      });
  }
  return targets.map((target) => gradients.get(target) ?? filled(target.shape, 0));
}

/** The gradient before a broadcast is the sum over what was repeated. */
function sumTo(gradient: Expression, shape: Shape): Expression {
  if (sameShape(gradient.shape, shape)) return gradient;
  const lead = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((size, axis) => (axis < lead || shape[axis - lead] !== size ? [axis] : []));
  const summed = axes.length === 0 ? gradient : sum(gradient, axes);
  return lead === 0 ? summed : reshape(summed, shape);
}
