/** Items and their parts: what the index knows of an object. */

import type { Modality } from '#shared/core/modality.ts';

export type AttributeValue = string | number | boolean | null | readonly (string | number | boolean)[];
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** Where a part lies in its item; null when the part is the whole item. */
export type PartRange =
  | { readonly startSeconds: number; readonly endSeconds: number }
  | { readonly startChar: number; readonly endChar: number };

export interface Part {
  readonly range: PartRange | null;
  /** Text of the part for lexical search: the passage, the transcript. */
  readonly text?: string;
  /** Normalised [D]; absent where the model has no tower for the modality (the part is then found by words only). */
  readonly vector?: Float32Array;
}

export type TimeRange = Extract<PartRange, { readonly startSeconds: number }>;

/** What is said in a sound, in the order of time: its parts that have words. */
export function transcriptOf(
  { modality }: Pick<Item, 'modality'>,
  parts: readonly Part[],
): readonly (TimeRange & { readonly text: string })[] {
  if (modality !== 'audio') return [];
  return parts.flatMap(({ range, text }) => {
    return text === undefined || range === null || !('startSeconds' in range) ? [] : [{ ...range, text }];
  });
}

export interface Failure {
  readonly code: string;
  /** One sentence that a person understands. */
  readonly message: string;
}

/** The indexed object. Everything that search results, item pages and filters need, so that no read goes back to the media. */
export interface Item {
  readonly key: string;
  /** Orders the writes of one key: the greater string is newer. S3's event sequencer, or a ULID of the observation. */
  readonly sequencer: string;
  /** The object's etag when it was read. */
  readonly etag: string;
  readonly status: 'indexed' | 'failed';
  readonly failure?: Failure;
  /** Undefined only for a failed item whose type could not be told. */
  readonly modality?: Modality;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly attributes: Attributes;
  /** ISO 8601 UTC. */
  readonly indexedAt: string;
  /** SHA-256 of the bytes, hexadecimal; absent when they were too large to read. */
  readonly digest?: string;
  /** 64-bit perceptual hash of a picture, 16 hexadecimal digits: equal or near for re-encoded copies. */
  readonly perceptualHash?: string;
  readonly width?: number;
  readonly height?: number;
  readonly durationSeconds?: number;
  /** `#rrggbb`, the placeholder while a thumbnail loads. */
  readonly averageColour?: string;
  /** Peak amplitudes over the length of a sound, each 0 to 1. */
  readonly waveform?: readonly number[];
  /** The model that wrote down what is said in a sound, whether or not it heard any words. */
  readonly transcribedBy?: string;
  readonly title?: string;
}

/** One change of the collection. A delta is a list of them; for each key the greatest sequencer wins. */
export type Change =
  | { readonly operation: 'put'; readonly item: Item; readonly parts: readonly Part[] }
  /** A tombstone. `etag` is the deleted version's where known, so that a reconcile does not bring it back. */
  | { readonly operation: 'delete'; readonly key: string; readonly sequencer: string };
