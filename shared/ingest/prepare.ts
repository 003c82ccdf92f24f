/**
 * One object, made ready for the encoder: read, told what it is, decoded to the model's geometry. What cannot be indexed
 * becomes a failed item with a reason that a person understands; only faults of the machine are thrown.
 */

import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { Item, Part, PartRange } from '#shared/catalog/item.ts';
import { ATTRIBUTES_METADATA, parseAttributes } from '#shared/catalog/parse-attributes.ts';
import { ChiasmError, type ErrorCode } from '#shared/core/errors.ts';
import type { Modality } from '#shared/core/modality.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import { cutPassages } from '#shared/media/cut-passages.ts';
import { cutWindows } from '#shared/media/cut-windows.ts';
import { decodeAudio } from '#shared/media/decode-audio.ts';
import { decodeImage } from '#shared/media/decode-image.ts';
import { detectMediaType, type MediaType, type TextFormat } from '#shared/media/detect-media-type.ts';
import type { ImageGeometry, Pixels } from '#shared/media/image.ts';
import type { MediaLimits } from '#shared/media/limits.ts';
import { readText } from '#shared/media/read-text.ts';
import { waveform } from '#shared/media/waveform.ts';
import type { ObjectStore, StoredObject } from '#shared/store/object-store.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import type { SequencedChange } from './change-message.ts';
import type { SoundFile, Transcriber } from './transcriber.ts';

/** One part's content in the form that the encoder takes. */
export type EncoderInput =
  | { readonly modality: 'image'; readonly range: null; readonly pixels: Pixels }
  | { readonly modality: 'audio'; readonly range: PartRange | null; readonly samples: Float32Array }
  | { readonly modality: 'text'; readonly range: PartRange | null; readonly text: string };

export interface Prepared {
  readonly item: Omit<Item, 'indexedAt'>;
  /** The parts of the same bytes from before; nothing is encoded then. */
  readonly parts?: readonly Part[];
  /** One for each part that is to be encoded, in order; none for a failed item. */
  readonly inputs: readonly EncoderInput[];
  /** Parts that follow these and have no vectors: what is said in a sound. */
  readonly transcript?: readonly Part[];
  /** Of the decoded inputs in memory. */
  readonly sizeBytes: number;
}

export type Preparation = Prepared | 'gone' | 'unchanged';
export type PrepareObject = (message: SequencedChange) => Promise<Preparation>;

export interface PrepareDependencies {
  readonly mediaStore: Pick<ObjectStore, 'head' | 'get'>;
  readonly index: Pick<VectorIndex, 'item' | 'itemWithBytes'>;
  readonly encoder: Pick<Encoder, 'image' | 'audio'>;
  readonly limits: MediaLimits;
  /** Of which modalities items are indexed here; objects of others are gone for this space. All when undefined. */
  readonly scope?: () => ReadonlySet<Modality> | undefined;
  /** Writes down what is said in sounds. @default nobody does */
  readonly transcriber?: Transcriber;
}

/** Failures of the content, which the same bytes will meet again; everything else is a fault of the machine. */
const CONTENT_FAILURES: ReadonlySet<ErrorCode> = new Set([
  'corrupt_input',
  'invalid_request',
  'too_large',
  'unsupported_type',
]);

/** What pictures are decoded to when the model has no picture tower: enough for their colour and hash. */
const GEOMETRY_WITHOUT_TOWER: ImageGeometry = { width: 64, height: 64, fit: 'squash', filter: 'bilinear' };
const SAMPLE_RATE_WITHOUT_TOWER_HZ = 16_000;

export function createPrepare(deps: PrepareDependencies): PrepareObject {
  return async ({ key, sequencer }) => {
    let seen: Seen = { ...UNSEEN, key, sequencer }; // what is known of the object so far
    try {
      const head = await deps.mediaStore.head(key);
      if (head === undefined) return 'gone';
      const { etag, sizeBytes, contentType = UNSEEN.contentType } = head;
      seen = { ...seen, etag, sizeBytes, contentType };
      seen = { ...seen, attributes: parseAttributes(head.metadata?.[ATTRIBUTES_METADATA]) };
      const before = await deps.index.item(key);
      const scope = deps.scope?.();
      if (isOutside(scope, before?.item.etag === etag ? before.item.modality : undefined)) return 'gone';
      if (before !== undefined && isSame(before.item, seen) && isHeard(deps, before.item)) return 'unchanged';
      refuseTooLarge(sizeBytes, Math.max(deps.limits.imageBytes, deps.limits.audioBytes));
      const object = await deps.mediaStore.get(key);
      if (object === undefined) return 'gone';
      const digest = createHash('sha256').update(object.bytes).digest('hex');
      seen = { ...seen, etag: object.etag, digest };
      const isKnown = before?.item.status === 'indexed' && before.item.digest === digest;
      if (isKnown && isHeard(deps, before.item)) return keepParts(before, seen);
      const type = detectMediaType(object.bytes, key);
      if (isOutside(scope, type.modality)) return 'gone';
      seen = { ...seen, modality: type.modality, contentType: type.contentType };
      const twin = await deps.index.itemWithBytes(digest);
      if (twin?.item.contentType === seen.contentType && isHeard(deps, twin.item)) return takeParts(twin, seen);
      const decoded = await decode(deps, object, type, digest);
      return { ...decoded, item: { ...seen, ...decoded.details, status: 'indexed' } };
    } catch (thrown) {
      if (!(thrown instanceof ChiasmError) || thrown.retryable || !CONTENT_FAILURES.has(thrown.code)) throw thrown;
      const failure = { code: thrown.code, message: thrown.message };
      return { item: { ...seen, status: 'failed', failure }, inputs: [], sizeBytes: 0 };
    }
  };
}

type Seen = Omit<Item, 'indexedAt' | 'status' | 'failure'>;
const UNSEEN = { etag: '', contentType: 'application/octet-stream', sizeBytes: 0, attributes: {} };

function isOutside(scope: ReadonlySet<Modality> | undefined, modality: Modality | undefined): boolean {
  return scope !== undefined && modality !== undefined && !scope.has(modality);
}

function isSame(before: Item, seen: Seen): boolean {
  const sameObject = before.status === 'indexed' && before.etag === seen.etag;
  return sameObject && isDeepStrictEqual(before.attributes, seen.attributes);
}

/** Whether what is said in it, if it is a sound, was written down by the model that does so now. */
export function isHeard({ transcriber }: Pick<PrepareDependencies, 'transcriber'>, item: Item): boolean {
  return transcriber === undefined || item.modality !== 'audio' || item.transcribedBy === transcriber.model;
}

/** The same bytes as before, moved to another disk or given other attributes: nothing to decode or encode. */
function keepParts(before: { readonly item: Item; readonly parts: readonly Part[] }, seen: Seen): Prepared {
  const { sequencer, etag, attributes } = seen;
  return { item: { ...before.item, sequencer, etag, attributes }, parts: before.parts, inputs: [], sizeBytes: 0 };
}

/** The bytes are those of another item, renamed or stored twice: its parts are taken. */
function takeParts(twin: { readonly item: Item; readonly parts: readonly Part[] }, seen: Seen): Prepared {
  return { item: { ...twin.item, ...seen }, parts: twin.parts, inputs: [], sizeBytes: 0 };
}

interface Decoded {
  readonly details: Partial<Item>;
  readonly inputs: readonly EncoderInput[];
  readonly transcript?: readonly Part[];
  readonly sizeBytes: number;
}

function decode(
  deps: PrepareDependencies,
  { bytes }: StoredObject,
  type: MediaType,
  digest: string,
): Promise<Decoded> | Decoded {
  switch (type.modality) {
    case 'image':
      return decodePicture(deps, bytes);
    case 'audio':
      return decodeSound(deps, { bytes, format: type.format, digest });
    case 'text':
      return decodeText(deps, bytes, type.format);
  }
}

async function decodePicture({ encoder, limits }: PrepareDependencies, bytes: Uint8Array): Promise<Decoded> {
  const { pixels, ...details } = await decodeImage(bytes, encoder.image ?? GEOMETRY_WITHOUT_TOWER, limits);
  return { details, inputs: [{ modality: 'image', range: null, pixels }], sizeBytes: pixels.data.byteLength };
}

async function decodeSound({ encoder, limits, transcriber }: PrepareDependencies, sound: SoundFile): Promise<Decoded> {
  const sampleRateHz = encoder.audio?.sampleRateHz ?? SAMPLE_RATE_WITHOUT_TOWER_HZ;
  const { samples, durationSeconds } = await decodeAudio(sound.bytes, sound.format, { sampleRateHz, limits });
  const windows = cutWindows(samples, sampleRateHz, encoder.audio?.windowSeconds ?? durationSeconds);
  const inputs = windows.map(({ samples: window, startSeconds, endSeconds }): EncoderInput => {
    return { modality: 'audio', range: { startSeconds, endSeconds }, samples: window };
  });
  const details = { durationSeconds, waveform: waveform(samples) };
  const decoded = { details, inputs, sizeBytes: samples.byteLength };
  if (transcriber === undefined) return decoded;
  const transcript = await transcriber.transcribe(sound);
  return { ...decoded, details: { ...details, transcribedBy: transcriber.model }, transcript };
}

function decodeText({ limits }: PrepareDependencies, bytes: Uint8Array, format: TextFormat): Decoded {
  const { text, title } = readText(bytes, format, limits);
  const inputs = cutPassages(text).map(({ text: passage, startChar, endChar }): EncoderInput => {
    return { modality: 'text', range: { startChar, endChar }, text: passage };
  });
  return { details: title === undefined ? {} : { title }, inputs, sizeBytes: text.length * 2 };
}

function refuseTooLarge(sizeBytes: number, limitBytes: number): void {
  if (sizeBytes <= limitBytes) return;
  const megabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`;
  throw new ChiasmError('too_large', `the file has ${megabytes(sizeBytes)}; at most ${megabytes(limitBytes)} are read`);
}
