/**
 * Random numbers that depend only on a counter and a key, from multiplication, addition and halves of words changing places: the middle-square
 * Weyl sequence "squares" with three rounds (Widynski 2020, arXiv:2004.06278). The step and the key choose its key.
 */

import { type Shape, sizeOf } from './expression.ts';
import type { NodeWriter } from './node-writer.ts';

const WEYL = 0x9e3779b97f4a7c15n;
const KEY_SPREAD = 0x100000000n;
const HALF_BITS = 32n;
const FRACTION_BITS = 24n;

const signed = (value: bigint): bigint => BigInt.asIntN(64, value);

/** The number at a position, in [0, 1) with 24 bits. */
export function counterRandom(position: bigint, step: bigint, key: bigint): number {
  const swapHalves = (x: bigint) => signed((BigInt.asUintN(64, x) >> HALF_BITS) + (x << HALF_BITS));
  const squares = (counter: bigint, weyl: bigint): bigint => {
    const y = signed(counter * weyl);
    const z = signed(y + weyl);
    const first = swapHalves(signed(y * y + y));
    const second = swapHalves(signed(first * first + z));
    return signed(second * second + y);
  };
  const weyl = signed(2n * squares(step + key * KEY_SPREAD, WEYL) + 1n);
  return Number(BigInt.asUintN(64, squares(position + 1n, weyl)) >> (64n - FRACTION_BITS)) / 2 ** Number(FRACTION_BITS);
}

const INT64 = 7;
const UINT64 = 13;
const FLOAT = 1;

/** The same as `counterRandom`, in the wrapping integers of ONNX Runtime. */
export function emitCounterRandom(write: NodeWriter, step: string, shape: Shape, key: number): string {
  const multiply = (x: string, y: string) => write.node('Mul', [x, y]);
  const add = (x: string, y: string) => write.node('Add', [x, y]);
  const shift = (x: string, bits: bigint) => {
    const distance = write.node('Cast', [write.integers(bits)], { to: UINT64 });
    return write.node('BitShift', [write.node('Cast', [x], { to: UINT64 }), distance], { direction: 'RIGHT' });
  };
  const swapHalves = (x: string) =>
    add(write.node('Cast', [shift(x, HALF_BITS)], { to: INT64 }), multiply(x, write.integers(KEY_SPREAD)));
  const squares = (counter: string, weyl: string) => {
    const y = multiply(counter, weyl);
    const first = swapHalves(add(multiply(y, y), y));
    const second = swapHalves(add(multiply(first, first), add(y, weyl)));
    return add(multiply(second, second), y);
  };
  const stepNumber = write.node('Cast', [write.node('Reshape', [step, write.integers([])])], { to: INT64 });
  const counter = add(stepNumber, write.integers(BigInt(key) * KEY_SPREAD));
  const chosen = squares(counter, write.integers(signed(WEYL)));
  const weyl = add(add(chosen, chosen), write.integers(1));
  const mixed = squares(write.integers(Array.from({ length: sizeOf(shape) }, (_, i) => i + 1)), weyl);
  const fraction = write.node('Cast', [shift(mixed, 64n - FRACTION_BITS)], { to: FLOAT });
  const unit = multiply(fraction, write.floats([], Float32Array.of(2 ** -Number(FRACTION_BITS))));
  return write.node('Reshape', [unit, write.integers(shape)]);
}
