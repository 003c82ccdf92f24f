/**
 * A server with the protocol of Amazon S3 Vectors for tests, in memory: JSON over POST by the API reference, metadata filters
 * and limits by the user guide ("Metadata filtering", "Limitations and restrictions"). Answers are exact. It fails on demand.
 */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

type Value = string | number | boolean | readonly unknown[];
type Metadata = Record<string, Value>;
interface Stored {
  readonly key: string;
  readonly data: { readonly float32: readonly number[] };
  readonly metadata?: Metadata;
}
interface Index {
  readonly dimension: number;
  readonly notFilterable: ReadonlySet<string>;
  readonly vectors: Map<string, Stored>;
}
/** What comes over the wire; a member that is not as the service wants it breaks the test. */
type Body = { readonly [name: string]: any };

export interface S3VectorsServer {
  readonly endpoint: string;
  /** Operation and number of vectors or keys of every request so far. */
  readonly requests: readonly { readonly operation: string; readonly size: number }[];
  keys(bucket: string, index: string): string[];
  /** The next requests of this operation are answered with this status and do nothing. */
  fail(operation: string, status: number, times: number): void;
  close(): void;
}

const PAGE = 100;
const MAX_PAYLOAD_BYTES = 20 * 1024 * 1024;
const MAX_VECTORS: Readonly<Record<string, number>> = { PutVectors: 500, DeleteVectors: 500, GetVectors: 100 };

class Refusal extends Error {
  readonly status: number;
  readonly type: string;
  constructor(status: number, type: string, message: string) {
    super(message);
    this.status = status;
    this.type = type;
  }
}

const invalid = (message: string) => new Refusal(400, 'ValidationException', message);

export async function startS3VectorsServer(): Promise<S3VectorsServer> {
  const indexes = new Map<string, Index>();
  const requests: { operation: string; size: number }[] = [];
  const faults = new Map<string, { status: number; times: number }>();

  const indexOf = (body: Body): Index => {
    const index = indexes.get(`${body.vectorBucketName}/${body.indexName}`);
    if (index === undefined) throw new Refusal(404, 'NotFoundException', 'The specified index could not be found');
    return index;
  };

  const operations: Record<string, (body: Body) => object> = {
    CreateIndex: (body) => {
      const name = `${body.vectorBucketName}/${body.indexName}`;
      if (indexes.has(name)) throw new Refusal(409, 'ConflictException', 'An index with this name exists');
      const notFilterable = new Set<string>(body.metadataConfiguration?.nonFilterableMetadataKeys ?? []);
      if (notFilterable.size > 10) throw invalid('more than 10 non-filterable keys');
      indexes.set(name, { dimension: body.dimension, notFilterable, vectors: new Map() });
      return {};
    },
    PutVectors: (body) => {
      const index = indexOf(body);
      for (const vector of body.vectors as Stored[]) checkVector(index, vector);
      for (const vector of body.vectors as Stored[]) index.vectors.set(vector.key, vector);
      return {};
    },
    DeleteVectors: (body) => {
      for (const key of body.keys as string[]) indexOf(body).vectors.delete(key);
      return {};
    },
    GetVectors: (body) => ({
      vectors: (body.keys as string[]).flatMap((key) => pick(indexOf(body).vectors.get(key), body)),
    }),
    ListVectors: (body) => {
      const all = [...indexOf(body).vectors.values()];
      return page(all, body, Math.min(body.maxResults ?? 500, 50), (vector) => pick(vector, body)); // 50: as when 1 MB is reached
    },
    QueryVectors: (body) => {
      const index = indexOf(body);
      const query: number[] = body.queryVector.float32;
      if (query.length !== index.dimension) throw invalid('the query has another dimension');
      if (!(body.topK >= 1 && body.topK <= 10_000)) throw invalid('topK must be from 1 to 10,000');
      if (body.filter !== undefined) checkFilter(index, body.filter);
      const scored = [...index.vectors.values()]
        .filter((vector) => body.filter === undefined || matches(vector.metadata ?? {}, body.filter))
        .map((vector) => ({ vector, distance: 1 - cosine(query, vector.data.float32) }))
        .sort((a, b) => a.distance - b.distance)
        .slice(0, body.topK);
      return page(scored, body, PAGE, ({ vector, distance }) => [
        { ...pick(vector, { ...body, returnData: false } as Body)[0], ...(body.returnDistance ? { distance } : {}) },
      ]);
    },
  };

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const operation = request.url!.slice(1);
    try {
      if (Number(request.headers['content-length']) > MAX_PAYLOAD_BYTES)
        throw new Refusal(413, 'PayloadTooLarge', 'over 20 MiB');
      const body = (await json(request)) as Body;
      const size = (body.vectors ?? body.keys ?? []).length as number;
      requests.push({ operation, size });
      const fault = faults.get(operation);
      if (fault !== undefined && fault.times-- > 0)
        throw new Refusal(fault.status, 'TooManyRequestsException', 'slow down');
      if (size > (MAX_VECTORS[operation] ?? 0)) throw invalid(`${size} are too many for ${operation}`);
      const result = operations[operation]!(body);
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      response.writeHead(error.status, { 'content-type': 'application/json', 'x-amzn-errortype': error.type });
      response.end(JSON.stringify({ message: error.message }));
    }
  };
  const server = createServer((request, response) => void answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    keys: (bucket, index) => [...indexes.get(`${bucket}/${index}`)!.vectors.keys()],
    fail: (operation, status, times) => void faults.set(operation, { status, times }),
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function checkVector(index: Index, { key, data, metadata = {} }: Stored): void {
  if (key.length < 1 || key.length > 1024) throw invalid('a key has 1 to 1,024 characters');
  if (data.float32.length !== index.dimension) throw invalid(`${key} has another dimension`);
  if (data.float32.every((value) => value === 0)) throw invalid(`${key} is a zero vector, which cosine does not take`);
  if (Object.keys(metadata).length > 50) throw invalid(`${key} has more than 50 metadata keys`);
  for (const [name, value] of Object.entries(metadata)) {
    const scalars = Array.isArray(value) ? value : [value];
    if (scalars.length === 0 || !scalars.every((one) => ['string', 'number', 'boolean'].includes(typeof one))) {
      throw invalid(`${key}: ${name} is no string, number, boolean or list of them`);
    }
  }
  const filterable = Object.fromEntries(Object.entries(metadata).filter(([name]) => !index.notFilterable.has(name)));
  if (Buffer.byteLength(JSON.stringify(filterable)) > 2048)
    throw invalid(`${key}: Filterable metadata must have at most 2048 bytes`);
  if (Buffer.byteLength(JSON.stringify(metadata)) > 40 * 1024) throw invalid(`${key}: metadata over 40 KB`);
}

function checkFilter(index: Index, filter: Record<string, any>): void {
  for (const [name, value] of Object.entries(filter)) {
    if (name === '$and' || name === '$or') {
      if (!Array.isArray(value) || value.length === 0) throw invalid(`${name} must be a list that is not empty`);
      for (const part of value) checkFilter(index, part);
    } else if (name.startsWith('$')) throw invalid(`unknown operator ${name}`);
    else if (index.notFilterable.has(name)) throw invalid(`Invalid use of non-filterable metadata in filter: ${name}`);
    else for (const [operator, operand] of Object.entries(value as object)) checkOperand(operator, operand);
  }
}

function checkOperand(operator: string, operand: unknown): void {
  const fits: Record<string, boolean> = {
    $eq: ['string', 'number', 'boolean'].includes(typeof operand),
    $ne: ['string', 'number', 'boolean'].includes(typeof operand),
    $in: Array.isArray(operand) && operand.length > 0,
    $nin: Array.isArray(operand) && operand.length > 0,
    $exists: typeof operand === 'boolean',
  };
  for (const order of ['$gt', '$gte', '$lt', '$lte']) fits[order] = typeof operand === 'number';
  if (fits[operator] !== true) throw invalid(`${operator} does not take ${JSON.stringify(operand)}`);
}

function matches(metadata: Metadata, filter: Record<string, any>): boolean {
  return Object.entries(filter).every(([name, value]) => {
    if (name === '$and') return value.every((part: Record<string, unknown>) => matches(metadata, part));
    if (name === '$or') return value.some((part: Record<string, unknown>) => matches(metadata, part));
    const own = metadata[name];
    const values = own === undefined ? [] : Array.isArray(own) ? own : [own];
    return Object.entries(value as Record<string, any>).every(([operator, operand]) => {
      switch (operator) {
        case '$exists':
          return (own !== undefined) === operand;
        case '$eq':
          return values.some((one) => one === operand);
        case '$ne':
          return !values.some((one) => one === operand);
        case '$in':
          return values.some((one) => operand.includes(one));
        case '$nin':
          return !values.some((one) => operand.includes(one));
        case '$gt':
          return values.some((one) => typeof one === 'number' && one > operand);
        case '$gte':
          return values.some((one) => typeof one === 'number' && one >= operand);
        case '$lt':
          return values.some((one) => typeof one === 'number' && one < operand);
        default:
          return values.some((one) => typeof one === 'number' && one <= operand);
      }
    });
  });
}

function pick(vector: Stored | undefined, body: Body): object[] {
  if (vector === undefined) return [];
  const { key, data, metadata } = vector;
  return [{ key, ...(body.returnData ? { data } : {}), ...(body.returnMetadata ? { metadata } : {}) }];
}

function page<T>(all: readonly T[], body: Body, size: number, show: (one: T) => object[]): object {
  const from = Number(body.nextToken ?? 0);
  const vectors = all.slice(from, from + size).flatMap(show);
  return { vectors, distanceMetric: 'cosine', ...(from + size < all.length ? { nextToken: String(from + size) } : {}) };
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]) => x.reduce((sum, value, d) => sum + value * y[d]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}
