/** One space at work: its model, its index, and the line from changed keys to searchable items. */

import type { Modality } from '#shared/core/modality.ts';
import type { ContentEmbedder } from '#shared/encoders/embed-content.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import type { Inbox } from '#shared/ingest/inbox.ts';
import type { PrepareObject } from '#shared/ingest/prepare.ts';
import type { ModelFolder } from '#shared/models/model-folder.ts';
import type { SpaceSet } from '#shared/spaces/space-set.ts';
import type { ErasureReceipt } from '#shared/vector-index/erase.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';

export interface SpaceLine {
  readonly model: ModelFolder;
  readonly encoder: Encoder;
  readonly embedder: ContentEmbedder;
  readonly index: VectorIndex;
  readonly inbox: Inbox;
  /** The model that writes down what is said in sounds. */
  readonly transcribedBy?: string;
  /** As the line prepares objects, with nothing known of them from before. */
  readonly prepareAnew: PrepareObject;
  /** Folds what is fresh into the next generation. */
  compact(): Promise<void>;
  erase(key: string): Promise<ErasureReceipt>;
  /** Ends the indexing; the index can still be searched. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** Lines whose spaces answer together, each for its modalities. */
export type LineSet = SpaceSet<SpaceLine & { readonly modalities: ReadonlySet<Modality> }>;
