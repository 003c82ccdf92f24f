/** Where operators write their ONNX nodes; `emit-onnx.ts` implements it. */

import type { Attribute } from '#shared/runtime/write-onnx.ts';
import type { Shape } from './expression.ts';

export interface NodeWriter {
  /** Adds a node and returns the name of its result. */
  node(op: string, inputs: readonly string[], attributes?: Readonly<Record<string, Attribute>>): string;
  floats(shape: Shape, data: Float32Array): string;
  /** A vector of int64, or a scalar. */
  integers(values: readonly (number | bigint)[] | number | bigint): string;
}
