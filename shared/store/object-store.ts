/**
 * The object store port: what Chiasm needs of Amazon S3, no more. Adapters: `FileObjectStore` (a folder),
 * `S3ObjectStore`, `OverlayObjectStore` (a writable store over read-only folders). One contract suite holds them all:
 * `test/store/object-store-contract.ts`.
 */

import type { Readable } from 'node:stream';

export interface ObjectInfo {
  readonly key: string;
  /** Changes whenever the bytes change. Opaque; without quotes. */
  readonly etag: string;
  readonly sizeBytes: number;
  readonly modifiedAtMs: number;
}

/** What is kept beside the bytes. `metadata` is small (2 KB in all on S3); names are lower-case. */
export interface ObjectMetadata {
  readonly contentType?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface StoredObject extends ObjectInfo, ObjectMetadata {
  readonly bytes: Uint8Array;
}

export interface PutOptions extends ObjectMetadata {
  /** Write only if the object does not exist yet (S3 `If-None-Match: *`). */
  readonly ifAbsent?: boolean;
  /** Write only if the object's etag is this one (S3 `If-Match`). */
  readonly ifMatch?: string;
}

/** A lost race is a value: the object existed, was changed, or was gone. Nothing was written then. */
export type PutResult = { readonly written: true; readonly etag: string } | { readonly written: false };

export interface ListOptions {
  readonly prefix?: string;
  /** Only keys that sort after this one, by UTF-8 bytes. */
  readonly startAfter?: string;
}

export interface ObjectStore {
  /** The object's bytes, or undefined when there is none. `range` is in bytes, `end` exclusive and past the end allowed. */
  get(
    key: string,
    options?: { readonly range?: { readonly start: number; readonly end: number } },
  ): Promise<StoredObject | undefined>;
  /** As `get`, unless the object's etag is still `etag` (S3 `If-None-Match`): then no bytes are sent. */
  getIfChanged(key: string, etag: string): Promise<StoredObject | 'unchanged' | undefined>;
  /** The bytes as they come, for what does not fit memory or goes straight to a client. */
  stream(
    key: string,
    options?: { readonly range?: { readonly start: number; readonly end: number } },
  ): Promise<(ObjectInfo & ObjectMetadata & { readonly body: Readable }) | undefined>;
  head(key: string): Promise<(ObjectInfo & ObjectMetadata) | undefined>;
  /** Atomic: a reader sees the old object or the new one, never a mixture; after a crash too. */
  put(key: string, body: Uint8Array | Readable, options?: PutOptions): Promise<PutResult>;
  /** Removing what is not there is not an error. */
  delete(key: string): Promise<void>;
  /** All objects in ascending order of their keys' UTF-8 bytes. */
  list(options?: ListOptions): AsyncIterable<ObjectInfo>;
  /**
   * A local path from which a library that needs a file name reads the object, which must not be modified: the file
   * itself in a folder store, a copy in `folder` otherwise. Undefined when there is no such object.
   */
  localPath(key: string, folder: string): Promise<string | undefined>;
}
