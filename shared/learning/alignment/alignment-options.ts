/** What the methods of training an alignment have in common. */

import type { ParameterValues } from '../graph/emit-onnx.ts';
import type { Layer } from '../graph/layers.ts';
import type { Pairs } from './pairs.ts';

export interface AlignmentProgress {
  readonly step: number;
  readonly steps: number;
  /** Means over the steps since the last report, by name: `loss` and its parts. */
  readonly losses: Readonly<Record<string, number>>;
  /** Of the validation pairs, where it was measured: the larger the better. */
  readonly validation?: number;
}

export interface AlignmentOptions {
  /** @default 0 */
  readonly seed?: number;
  /** Pairs for the metrics. @default a tenth of the pairs, which is then not trained on */
  readonly heldOut?: Pairs;
  /**
   * The part of the pairs that decides which state of a training is kept. With 0 all are learned from and the last state is kept.
   * @default 0.1
   */
  readonly validationShare?: number;
  /** Aborted: the training ends with ChiasmError `cancelled`. */
  readonly signal?: AbortSignal;
  onProgress?(progress: AlignmentProgress): void;
  /** What `saveCheckpoint` was given by an earlier attempt with the same pairs, recipe and seed. */
  readonly checkpoint?: Uint8Array | undefined;
  saveCheckpoint?(bytes: Uint8Array): Promise<void>;
}

/** The two maps, from raw vectors to the common space; rows are compared by their direction. */
export interface FittedMaps {
  readonly from: Layer;
  readonly to: Layer;
  readonly dimensions: number;
  readonly values: ParameterValues;
  /** Whose state was kept; 0 for closed forms. */
  readonly step: number;
}
