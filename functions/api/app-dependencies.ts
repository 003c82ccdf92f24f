/**
 * What the HTTP app is given. It builds nothing itself: each program's `compose.ts` does. The app reads these members at each
 * request and never earlier, so a program may listen before its model and index are loaded (getters that throw
 * `not_ready` until then, and `health()` that says `starting`).
 */

import type { Hono } from 'hono';
import type { AlignmentStore } from '#shared/alignments/alignment-store.ts';
import type { Answerer } from '#shared/answer/answerer.ts';
import type { Captioner } from '#shared/answer/reader.ts';
import type { Attributes } from '#shared/catalog/item.ts';
import type { Classifiers } from '#shared/classify/classifiers.ts';
import type { ZeroShotClassifier } from '#shared/classify/zero-shot.ts';
import type { Clock } from '#shared/core/clock.ts';
import type { Log } from '#shared/core/log.ts';
import type { Space } from '#shared/encoders/space.ts';
import type { Backlog } from '#shared/ingest/inbox.ts';
import type { Jobs } from '#shared/jobs/jobs.ts';
import type { Search } from '#shared/search/search.ts';
import type { KeptSpace } from '#shared/spaces/space-record.ts';
import type { ServedSpace, SpaceSet } from '#shared/spaces/space-set.ts';
import type { Transcript } from '#shared/speech/speech-to-text.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { ErasureReceipt } from '#shared/vector-index/erase.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import type { LastRecall } from './last-recall.ts';

/** How the app tells ingestion what happened. */
export interface IngestControl {
  /** These objects were written; resolves when the change is queued durably enough not to be lost by this process. */
  changed(keys: readonly string[]): Promise<void>;
  /** Hides an item; resolves when the tombstone is applied. False when the index knew no such item. */
  remove(key: string): Promise<boolean>;
  /** Whether the object waits to be indexed or is being indexed. */
  pending(key: string): boolean;
  backlog(): Backlog;
}

/** Gives a client leave to PUT one object: a presigned URL of S3, or a signed path of this server. */
export interface UploadGrants {
  grant(upload: UploadRequest): Promise<UploadGrant>;
  /**
   * Whether the query of a PUT to `/v1/objects/{key}` carries a valid grant of this server for that key, content type and
   * number of bytes.
   * Absent in the cloud, where grants go to S3.
   */
  accepts?(upload: {
    readonly key: string;
    readonly contentType: string | undefined;
    /** As declared; the body is held to it. */
    readonly sizeBytes: number | undefined;
    readonly query: URLSearchParams;
  }): boolean;
}

interface UploadRequest {
  readonly key: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly attributes: Attributes;
}

interface UploadGrant {
  /** Absolute, or a path of this server. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly expiresAtMs: number;
}

export interface Health {
  /** `degraded` answers searches, from an older state than it should. */
  readonly status: 'starting' | 'ready' | 'degraded';
  readonly detail?: string;
}

export interface ModelInUse {
  readonly name: string;
  readonly licence?: string;
  readonly description?: string;
  /** As measured; with the interval of 95 % and the number of examples where they are known. */
  readonly metrics?: readonly {
    readonly name: string;
    readonly value: number;
    readonly low?: number;
    readonly high?: number;
    readonly n?: number;
  }[];
}

export interface ModelDescription extends ModelInUse {
  readonly space: Pick<Space, 'id' | 'dimensions'>;
  readonly modalities: readonly string[];
  readonly active: boolean;
  readonly sizeBytes?: number;
}

/** Models that embed nothing. */
export interface AnsweringModels {
  /** Answers questions about pictures. */
  readonly reader?: ModelInUse;
  /** Writes down what is said. */
  readonly speech?: ModelInUse;
}

type ServedSet = SpaceSet<ServedSpace & { readonly index: VectorIndex }>;

/** A change of the model, as far as the API shows and steers it. */
export interface ModelChange {
  describe(): Promise<{
    readonly building?: BuildProgress & {
      readonly spaces: ServedSet;
      readonly startedAt: string;
      readonly former: 'keep' | 'drop';
      readonly held?: string;
      readonly estimate?: { readonly items: number; readonly seconds: number; readonly sizeBytes: number };
    };
    readonly kept: readonly (KeptSpace & { readonly sizeBytes: number })[];
  }>;
  progress(): BuildProgress | undefined;
  /** @throws ChiasmError `conflict` when nothing is built */
  switchNow(): Promise<void>;
  /** @throws ChiasmError `not_found`, or `conflict` for a space that answers searches */
  drop(id: string): Promise<void>;
}

export interface BuildProgress {
  /** 0 to 1. */
  readonly progress: number;
  /** Items that the new spaces have, and that they will have. */
  readonly done: number;
  readonly total: number;
  readonly failed: number;
  readonly itemsPerSecond?: number;
  readonly secondsLeft?: number;
}

export interface ApiLimits {
  /** Of a JSON request. */
  readonly bodyBytes: number;
  /** Of an object that is uploaded through the app. */
  readonly objectBytes: number;
  /** Of a text in a request. */
  readonly textBytes: number;
  readonly queryTerms: number;
  readonly labels: number;
  /** Of all labels together. */
  readonly prompts: number;
  /** For which a job is followed in one stream; the client asks again for what comes after. */
  readonly followMs: number;
}

export const DEFAULT_API_LIMITS: ApiLimits = {
  bodyBytes: 25_000_000,
  objectBytes: 5_000_000_000, // the most that S3 takes in one PUT
  textBytes: 1_000_000,
  queryTerms: 64,
  labels: 1_000,
  prompts: 5_000,
  followMs: Number.POSITIVE_INFINITY,
};

export interface AppDependencies {
  readonly mediaStore: ObjectStore;
  /** Keeps thumbnails. */
  readonly stateStore: ObjectStore;
  readonly spaces: ServedSet;
  /** Absent in a program that has one model for its life. */
  readonly modelChange?: ModelChange;
  readonly search: Search;
  readonly zeroShot: ZeroShotClassifier;
  readonly classifiers: Classifiers;
  readonly alignments: AlignmentStore;
  readonly answerer: Answerer;
  readonly captioner: Captioner;
  /** What is said in a sound file. @throws ChiasmError `unsupported_modality` when no model listens */
  transcribe(sound: Uint8Array): Promise<Transcript>;
  readonly jobs: Jobs;
  readonly ingest: IngestControl;
  readonly uploads: UploadGrants;
  health(): Health;
  models(): readonly ModelDescription[];
  readonly answering: AnsweringModels;
  readonly limits: ApiLimits;
  /** Bearer keys. None: no authentication, which is for programs that listen on loopback only. */
  readonly apiKeys: readonly string[];
  /** Host names that requests may be addressed to, so that no web page can reach a local server by DNS rebinding. */
  readonly allowedHosts: readonly string[] | 'any';
  readonly clock: Clock;
  readonly log: Log;
  /** Where a client fetches an object by itself (presigned S3 URL); the app serves the bytes when absent. */
  objectUrl?(key: string): Promise<string>;
  /** Removes every stored trace of a deleted item. */
  erase?(key: string): Promise<ErasureReceipt>;
  /** Where a program notes the recall that it measures by itself. @default only what is asked for is noted */
  readonly lastRecall?: LastRecall;
  /** Pages beside the API (the console): static files, served without a key. */
  readonly site?: Hono;
}

/** For programs that listen on loopback. */
export const LOOPBACK_HOSTS: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];
