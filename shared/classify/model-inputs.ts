/**
 * What a classifier reads: one matrix for each kind of content. Encoded content comes as vectors; a signal as its numbers,
 * followed by a mask of which of them are there where training rows had missing ones.
 */

import { ChiasmError } from '#shared/core/errors.ts';
import type { Example } from '#shared/datasets/example.ts';
import type { Problems } from '#shared/datasets/problems.ts';
import type { EncodedColumns, EncodedModality, FeatureColumn } from '#shared/datasets/read-features.ts';
import type { Row } from '#shared/datasets/read-json-lines.ts';

/** One kind of content of a classifier, with the normalisation that its training rows gave. */
export interface InputSpec {
  /** `image`, `audio`, `text`, or the name of a signal. */
  readonly name: string;
  readonly kind: EncodedModality | 'signal';
  /** Id of the space of its vectors; none for a signal. */
  readonly space?: string | undefined;
  /** Numbers that come in: D of the encoder, or the length of the signal. */
  readonly length: number;
  /** Whether a mask follows the numbers. */
  readonly masked: boolean;
  /** [length]: subtracted. */
  readonly mean: readonly number[];
  /** [length]: multiplied by after that; 0 for a number that never changed. */
  readonly scale: readonly number[];
}

/** Numbers of one row of an input. */
export const widthOf = ({ length, masked }: Pick<InputSpec, 'length' | 'masked'>): number =>
  masked ? 2 * length : length;

/** Before the normalisation is known. */
export interface InputColumn extends FeatureColumn {
  readonly name: string;
  readonly kind: InputSpec['kind'];
  readonly space?: string;
  readonly length: number;
  readonly masked: boolean;
}

const ENCODED: readonly EncodedModality[] = ['image', 'audio', 'text'];

/** Columns of all content that occurs. Signals of different lengths under one name are added to `problems`. */
export function collectInputs(
  examples: readonly Row<Example>[],
  encoded: EncodedColumns,
  wanted: readonly string[] | undefined,
  problems: Problems,
): readonly InputColumn[] {
  const isWanted = (name: string) => wanted?.includes(name) ?? true;
  const names = [...new Set(examples.flatMap(({ inputs }) => Object.keys(inputs.signals ?? {})))].sort();
  for (const name of names) {
    if (ENCODED.includes(name as EncodedModality)) problems.add(undefined, `a signal cannot be called ${name}`);
  }
  const columns = [
    ...ENCODED.filter(isWanted).flatMap((kind): InputColumn[] => {
      const column = encoded[kind];
      return column === undefined ? [] : [{ ...column, name: kind, kind, length: column.dimensions, masked: false }];
    }),
    ...names.filter(isWanted).map((name) => signalColumn(name, examples, problems)),
  ];
  for (const name of wanted ?? []) {
    if (!columns.some((column) => column.name === name)) problems.add(undefined, `no row has the input ${name}`);
  }
  return columns;
}

function signalColumn(name: string, examples: readonly Row<Example>[], problems: Problems): InputColumn {
  const signals = examples.map(({ inputs }) => inputs.signals?.[name]);
  const length = signals.find((signal) => signal !== undefined)!.length;
  const masked = signals.some((signal) => signal?.includes(null));
  const dimensions = widthOf({ length, masked });
  const values = new Float32Array(examples.length * dimensions);
  const present = new Uint8Array(examples.length);
  examples.forEach(({ line }, row) => {
    const signal = signals[row];
    if (signal === undefined) return;
    if (signal.length !== length) {
      problems.add(
        line,
        `/inputs/signals/${name}: expected ${length} numbers like the rows before, got ${signal.length}`,
      );
      return;
    }
    present[row] = writeSignal(values.subarray(row * dimensions, (row + 1) * dimensions), signal, masked);
  });
  return { name, kind: 'signal', length, masked, values, dimensions, present };
}

/** Writes the numbers, zeros for missing ones, and the mask. @returns 1 when any number is there */
export function writeSignal(target: Float32Array, signal: readonly (number | null)[], masked: boolean): 0 | 1 {
  let any: 0 | 1 = 0;
  signal.forEach((value, i) => {
    if (value === null) return;
    any = 1;
    target[i] = value;
    if (masked) target[signal.length + i] = 1;
  });
  return any;
}

/**
 * The normalisation of the training rows: signals number by number, (x - mean) / deviation; vectors of an encoder with one
 * scale for all of their numbers, so that their geometry stays and their average variance is 1.
 */
export function fitNormalisation(column: InputColumn, rows: readonly number[]): InputSpec {
  const { name, kind, space, length, masked, values, dimensions, present } = column;
  const used = rows.filter((row) => present[row] === 1);
  const mean = new Array<number>(length).fill(0);
  const variance = new Array<number>(length).fill(0);
  const has = (row: number, i: number) => !masked || values[row * dimensions + length + i] === 1;
  for (let i = 0; i < length; i++) {
    const numbers = used.filter((row) => has(row, i)).map((row) => values[row * dimensions + i]!);
    if (numbers.length === 0) continue;
    mean[i] = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
    variance[i] = numbers.reduce((sum, value) => sum + (value - mean[i]!) ** 2, 0) / numbers.length;
  }
  const average = variance.reduce((sum, value) => sum + value, 0) / length;
  const scale = variance.map((value, i) => inverseDeviation(kind === 'signal' ? value : average, mean[i]!));
  return { name, kind, ...(space !== undefined && { space }), length, masked, mean, scale };
}

/** 0 for what does not vary beyond rounding. */
function inverseDeviation(variance: number, mean: number): number {
  const deviation = Math.sqrt(variance);
  return deviation > 1e-6 * Math.abs(mean) && deviation > 1e-12 ? 1 / deviation : 0;
}

/** @throws ChiasmError `invalid_request` that says what the classifier reads */
export function refuseUnread(specs: readonly InputSpec[], given: readonly string[]): void {
  if (specs.some(({ name }) => given.includes(name))) return;
  const message = `the classifier reads ${specs.map(({ name }) => name).join(', ')}; got ${given.join(', ') || 'nothing'}`;
  throw new ChiasmError('invalid_request', message, { issues: [{ path: '/input', message }] });
}
