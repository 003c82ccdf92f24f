/** One index of Amazon S3 Vectors: batches, pages and pace by the service's limits. Knows vectors and keys, no items. */

import { setTimeout } from 'node:timers/promises';
import {
  ConflictException,
  CreateIndexCommand,
  DeleteVectorsCommand,
  GetVectorsCommand,
  ListVectorsCommand,
  PutVectorsCommand,
  QueryVectorsCommand,
  type S3VectorsClient,
  S3VectorsServiceException,
} from '@aws-sdk/client-s3vectors';
import { ChiasmError } from '#shared/core/errors.ts';
import type { Metadata, MetadataFilter } from './s3-vectors-filter.ts';

export interface StoredVector {
  readonly key: string;
  readonly vector: Float32Array;
}

export interface PutVector extends StoredVector {
  readonly metadata: Metadata;
}

export interface S3Vectors {
  /** Creates the index unless it is there. */
  create(dimensions: number): Promise<void>;
  put(vectors: readonly PutVector[]): Promise<void>;
  /** Keys that are not there are no fault. */
  delete(keys: readonly string[]): Promise<void>;
  get(keys: readonly string[]): Promise<Map<string, Float32Array>>;
  /** Pages of the nearest vectors that pass the filter, nearest first, with the text that `put` gave as `TEXT_KEY`. */
  query(vector: Float32Array, filter: MetadataFilter | undefined, most: number): AsyncIterable<readonly Found[]>;
  /** Every vector with its text, in no order. */
  list(): AsyncIterable<readonly (Found & StoredVector)[]>;
}

export interface Found {
  readonly key: string;
  readonly text: string;
}

export interface S3VectorsOptions {
  readonly bucket: string;
  readonly index: string;
}

/** The one metadata key that the service does not filter by; it may hold more than 2 KB. */
export const TEXT_KEY = 'item';

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-vectors-limitations.html
const PUT_VECTORS = 500;
const PUT_BYTES = 18 * 1024 * 1024; // of 20 MiB
const DELETE_VECTORS = 500;
const GET_VECTORS = 100;
const LIST_VECTORS = 1000;
export const MAX_TOP_K = 10_000;
const VECTORS_PER_SECOND = 2500;
const BYTES_PER_NUMBER = 24; // as JSON, at most

export function createS3Vectors(client: S3VectorsClient, options: S3VectorsOptions): S3Vectors {
  const target = { vectorBucketName: options.bucket, indexName: options.index };
  const pace = createPace();
  return {
    create: (dimensions) =>
      call(async () => {
        try {
          await client.send(
            new CreateIndexCommand({
              ...target,
              dataType: 'float32',
              dimension: dimensions,
              distanceMetric: 'cosine',
              metadataConfiguration: { nonFilterableMetadataKeys: [TEXT_KEY] },
            }),
          );
        } catch (error) {
          if (!(error instanceof ConflictException)) throw error;
        }
      }),
    put: async (vectors) => {
      for (const batch of batches(vectors, PUT_VECTORS, PUT_BYTES, jsonBytes)) {
        await pace(batch.length);
        const body = batch.map(({ key, vector, metadata }) => ({
          key,
          data: { float32: Array.from(vector) },
          metadata,
        }));
        await call(() => client.send(new PutVectorsCommand({ ...target, vectors: body })));
      }
    },
    delete: async (keys) => {
      for (const batch of batches(keys, DELETE_VECTORS)) {
        await pace(batch.length);
        await call(() => client.send(new DeleteVectorsCommand({ ...target, keys: batch })));
      }
    },
    get: async (keys) => {
      const found = new Map<string, Float32Array>();
      const answers = batches(keys, GET_VECTORS).map((batch) =>
        call(() => client.send(new GetVectorsCommand({ ...target, keys: batch, returnData: true }))),
      );
      for (const { vectors = [] } of await Promise.all(answers)) {
        for (const { key, data } of vectors) found.set(key!, Float32Array.from(data!.float32!));
      }
      return found;
    },
    query: async function* (vector, filter, most) {
      const query = {
        ...target,
        topK: Math.min(most, MAX_TOP_K),
        queryVector: { float32: Array.from(vector) },
        returnMetadata: true,
        ...(filter === undefined ? {} : { filter: filter as never }),
      };
      for (let nextToken: string | undefined; ; ) {
        const answer = await call(() => client.send(new QueryVectorsCommand({ ...query, nextToken })));
        yield (answer.vectors ?? []).map(foundVector);
        nextToken = answer.nextToken;
        if (nextToken === undefined) return;
      }
    },
    list: async function* () {
      const listing = { ...target, maxResults: LIST_VECTORS, returnData: true, returnMetadata: true };
      for (let nextToken: string | undefined; ; ) {
        const answer = await call(() => client.send(new ListVectorsCommand({ ...listing, nextToken })));
        yield (answer.vectors ?? []).map((one) => ({
          ...foundVector(one),
          vector: Float32Array.from(one.data!.float32!),
        }));
        nextToken = answer.nextToken;
        if (nextToken === undefined) return;
      }
    },
  };
}

function foundVector({ key, metadata }: { readonly key?: string | undefined; readonly metadata?: unknown }): Found {
  const text = (metadata as Record<string, unknown> | undefined)?.[TEXT_KEY];
  return { key: key!, text: typeof text === 'string' ? text : '' };
}

/** Waits so that at most `VECTORS_PER_SECOND` are written by this process. */
function createPace(): (vectors: number) => Promise<void> {
  let freeAtMs = 0;
  return async (vectors) => {
    const nowMs = performance.now();
    const startMs = Math.max(nowMs, freeAtMs);
    freeAtMs = startMs + (vectors / VECTORS_PER_SECOND) * 1000;
    if (startMs > nowMs) await setTimeout(startMs - nowMs);
  };
}

function batches<T>(all: readonly T[], most: number, mostBytes = 0, bytesOf: (one: T) => number = () => 0): T[][] {
  const parts: T[][] = [];
  let bytes = 0;
  for (const one of all) {
    const last = parts.at(-1);
    bytes += bytesOf(one);
    if (last === undefined || last.length === most || bytes > mostBytes) {
      parts.push([one]);
      bytes = bytesOf(one);
    } else last.push(one);
  }
  return parts;
}

function jsonBytes({ vector, metadata }: PutVector): number {
  return vector.length * BYTES_PER_NUMBER + JSON.stringify(metadata).length * 3;
}

async function call<T>(send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    if (!(error instanceof S3VectorsServiceException)) {
      throw new ChiasmError('storage_unavailable', `S3 Vectors did not answer: ${error}`, {
        cause: error,
        retryable: true,
      });
    }
    const status = error.$metadata.httpStatusCode ?? 500;
    const retryable = status >= 500 || status === 429;
    throw new ChiasmError(
      retryable ? 'storage_unavailable' : 'internal',
      `S3 Vectors: ${error.name}: ${error.message}`,
      {
        cause: error,
        retryable,
      },
    );
  }
}
