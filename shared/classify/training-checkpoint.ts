/** Where a training goes on after a crash: what the finished folds gave, and the state of the network being trained. */

import { packArrays, unpackArrays } from '#shared/learning/pack-arrays.ts';
import type { HeldOut } from './held-out.ts';

export interface TrainingCheckpoint {
  readonly heldOut: readonly HeldOut[];
  /** Of `trainNetwork`; empty at the beginning of a fold. */
  readonly state: Uint8Array;
}

type FoldFacts = Pick<HeldOut, 'test' | 'validation' | 'epochs'> & { readonly subsets: number; readonly tasks: number };

export function writeCheckpoint({ heldOut, state }: TrainingCheckpoint): Uint8Array {
  const arrays = new Map<string, Float32Array>();
  const folds = heldOut.map(({ test, validation, epochs, testLogits, validationLogits }, fold): FoldFacts => {
    for (const [s, tasks] of testLogits.entries()) {
      for (const [t, logits] of tasks.entries()) arrays.set(`${fold}/test/${s}/${t}`, logits);
    }
    for (const [t, logits] of validationLogits.entries()) arrays.set(`${fold}/validation/${t}`, logits);
    return { test, validation, epochs, subsets: testLogits.length, tasks: validationLogits.length };
  });
  return packArrays({ facts: { folds, state: Buffer.from(state).toString('base64') }, arrays });
}

export function readCheckpoint(bytes: Uint8Array): TrainingCheckpoint {
  const { facts, arrays } = unpackArrays(bytes);
  const { folds, state } = facts as { readonly folds: readonly FoldFacts[]; readonly state: string };
  const list = (count: number, name: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => arrays.get(name(i))!);
  const heldOut = folds.map(({ test, validation, epochs, subsets, tasks }, fold): HeldOut => {
    const testLogits = Array.from({ length: subsets }, (_, s) => list(tasks, (t) => `${fold}/test/${s}/${t}`));
    return { test, validation, epochs, testLogits, validationLogits: list(tasks, (t) => `${fold}/validation/${t}`) };
  });
  return { heldOut, state: new Uint8Array(Buffer.from(state, 'base64')) };
}
