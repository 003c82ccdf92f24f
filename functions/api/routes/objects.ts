/** Uploads and objects: the bytes themselves. */

import { Readable } from 'node:stream';
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { ATTRIBUTES_METADATA, parseAttributes } from '#shared/catalog/parse-attributes.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { parseObjectKey } from '#shared/core/object-key.ts';
import { createFeatureCache } from '#shared/datasets/feature-cache.ts';
import type { ObjectInfo, ObjectMetadata } from '#shared/store/object-store.ts';
import type { ApiApp, ApiEnv } from '../api-env.ts';
import type { AppDependencies } from '../app-dependencies.ts';
import { attributesJson, readAttributesHeader } from '../attributes-header.ts';
import { parseRange } from '../byte-range.ts';
import { problemResponse } from '../problem.ts';
import { jsonAnswer, jsonBody, keyParameter, numberQuery, problemAnswer, strictQuery } from '../schemas/common.ts';
import { eraseReceiptSchema, storedSchema, uploadRequestSchema, uploadSchema } from '../schemas/items.ts';
import { contentHeaders, namesEtag } from '../served-content.ts';
import { createThumbnails, keptWidth, THUMBNAIL_LIMITS } from '../thumbnails.ts';

const bytesContent = { 'application/octet-stream': { schema: z.string().openapi({ format: 'binary' }) } };

const grantUpload = createRoute({
  method: 'post',
  path: '/v1/uploads',
  tags: ['Objects'],
  summary: 'Get a URL to upload an object to',
  request: { body: jsonBody(uploadRequestSchema) },
  responses: { 201: jsonAnswer(uploadSchema, 'PUT the bytes to `url` with `headers`.'), ...problemAnswer },
});

const putObject = createRoute({
  method: 'put',
  path: '/v1/objects/{key}',
  tags: ['Objects'],
  summary: 'Store an object; it is indexed within seconds',
  request: {
    params: keyParameter,
    headers: z.object({
      'x-chiasm-attributes': z.string().optional().openapi({ description: 'Attributes as a JSON object.' }),
    }),
    body: { required: true, content: { '*/*': { schema: { type: 'string', format: 'binary' } } } },
  },
  responses: { 201: jsonAnswer(storedSchema, 'Stored.'), ...problemAnswer },
});

const getObject = createRoute({
  method: 'get',
  path: '/v1/objects/{key}',
  tags: ['Objects'],
  summary: 'The bytes of an object, a range of them, or a thumbnail',
  request: {
    params: keyParameter,
    query: z.object({
      thumbnail: numberQuery('integer', THUMBNAIL_LIMITS.min, THUMBNAIL_LIMITS.max)
        .optional()
        .openapi({ description: 'A WebP of a picture, no wider than this many pixels.' }),
    }),
  },
  responses: {
    200: { description: 'The bytes, with their content type and an ETag.', content: bytesContent },
    206: { description: 'The range asked for.', content: bytesContent },
    302: { description: 'In the cloud: the object at its presigned URL.' },
    304: { description: 'The object is still the one of If-None-Match.' },
    ...problemAnswer,
  },
});

const deleteObject = createRoute({
  method: 'delete',
  path: '/v1/objects/{key}',
  tags: ['Objects'],
  summary: 'Delete an object; it is gone from search results at once',
  request: {
    params: keyParameter,
    query: strictQuery({
      erase: z
        .enum(['true', 'false'])
        .optional()
        .openapi({ description: 'Also rewrite every stored file that holds a trace of it.' }),
    }),
  },
  responses: {
    200: jsonAnswer(eraseReceiptSchema, 'Erased: no file of the index holds anything of the item.'),
    204: { description: 'Deleted.' },
    ...problemAnswer,
  },
});

export function registerObjectRoutes(app: ApiApp, deps: AppDependencies): void {
  const features = createFeatureCache(deps.stateStore);
  const thumbnails = createThumbnails({
    get mediaStore() {
      return deps.mediaStore;
    },
    get stateStore() {
      return deps.stateStore;
    },
    log: deps.log,
  });

  app.openapi(grantUpload, async (c) => {
    const { key, contentType, sizeBytes, attributes = {} } = c.req.valid('json');
    parseObjectKey(key);
    refuseTooLarge(sizeBytes, deps.limits.objectBytes);
    parseAttributes(attributesJson(attributes));
    const grant = await deps.uploads.grant({ key, contentType, sizeBytes, attributes });
    const body = {
      url: new URL(grant.url, c.req.url).href,
      method: 'PUT' as const,
      headers: { ...grant.headers },
      expiresAt: new Date(grant.expiresAtMs).toISOString(),
    };
    return c.json(body, 201);
  });

  app.openapi(putObject, async (c) => {
    const key = parseObjectKey(c.req.valid('param').key);
    const json = readAttributesHeader(c.req.valid('header')['x-chiasm-attributes']);
    if (json !== undefined) parseAttributes(json);
    const contentType = c.req.header('content-type') ?? 'application/octet-stream';
    const received = receive(c.req.raw, deps.limits.objectBytes);
    const metadata = json === undefined ? {} : { metadata: { [ATTRIBUTES_METADATA]: json } };
    const result = await deps.mediaStore.put(key, received.body, { contentType, ...metadata });
    if (!result.written)
      throw new ChiasmError('conflict', `${key} was written by somebody else at the same moment; send it again`);
    await deps.ingest.changed([key]);
    return c.json({ key, etag: result.etag, sizeBytes: received.sizeBytes(), contentType }, 201);
  });

  app.openapi(getObject, async (c) => {
    const key = parseObjectKey(c.req.valid('param').key);
    const { thumbnail } = c.req.valid('query');
    const info = await deps.mediaStore.head(key);
    if (info === undefined) throw noObject(key);
    if (thumbnail !== undefined) return serveThumbnail(c, info, thumbnail);
    if (deps.objectUrl !== undefined) return c.redirect(await deps.objectUrl(key), 302);
    return serveObject(c, deps, info);
  });

  app.openapi(deleteObject, async (c) => {
    const key = parseObjectKey(c.req.valid('param').key);
    const erase = c.req.valid('query').erase === 'true';
    if (erase && deps.erase === undefined) {
      const message =
        'this program does not erase; delete without erase=true, and the next compaction drops the vectors';
      throw new ChiasmError('invalid_request', message, { issues: [{ path: '/query/erase', message }] });
    }
    const stored = (await deps.mediaStore.head(key)) !== undefined;
    if (stored) await deps.mediaStore.delete(key);
    const indexed = await deps.ingest.remove(key);
    if (!stored && !indexed && !erase) throw noObject(key); // what was deleted before can still be erased
    await thumbnails.forget(key);
    await features.forget(key);
    if (!erase || deps.erase === undefined) return c.body(null, 204);
    return c.json(await deps.erase(key), 200);
  });

  async function serveThumbnail(c: Context<ApiEnv>, info: ObjectInfo, widthPixels: number): Promise<Response> {
    const etag = `${info.etag}-${keptWidth(widthPixels)}`;
    const headers = { etag: `"${etag}"`, 'cache-control': 'private, max-age=0, must-revalidate' };
    if (namesEtag(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers);
    const bytes = await thumbnails.of(info, widthPixels);
    if (bytes === undefined) throw noObject(info.key);
    return c.body(Buffer.from(bytes), 200, {
      ...headers,
      ...contentHeaders('image/webp', `${info.key}.webp`),
      'content-length': String(bytes.byteLength),
    });
  }
}

/** RFC 9110: conditions first, then the range. HEAD opens nothing. */
async function serveObject(
  c: Context<ApiEnv>,
  deps: AppDependencies,
  info: ObjectInfo & ObjectMetadata,
): Promise<Response> {
  const headers: Record<string, string> = {
    etag: `"${info.etag}"`,
    'last-modified': new Date(info.modifiedAtMs).toUTCString(),
    'accept-ranges': 'bytes',
    'cache-control': 'private, max-age=0, must-revalidate',
  };
  if (namesEtag(c.req.header('if-none-match'), info.etag)) return c.body(null, 304, headers);
  const ifRange = c.req.header('if-range');
  const range = parseRange(
    ifRange === undefined || namesEtag(ifRange, info.etag) ? c.req.header('range') : undefined,
    info.sizeBytes,
  );
  if (range.kind === 'unsatisfiable') {
    return problemResponse(c, {
      code: 'range_not_satisfiable',
      detail: `expected a range within ${info.sizeBytes} bytes`,
      headers: { 'content-range': `bytes */${info.sizeBytes}` },
    });
  }
  Object.assign(headers, contentHeaders(await contentTypeOf(deps, info), info.key));
  const [start, end] = range.kind === 'part' ? [range.start, range.end] : [0, info.sizeBytes];
  headers['content-length'] = String(end - start);
  if (range.kind === 'part') headers['content-range'] = `bytes ${start}-${end - 1}/${info.sizeBytes}`;
  const status = range.kind === 'part' ? 206 : 200;
  if (c.req.method === 'HEAD' || end === start) return c.body(null, status, headers);
  const object = await deps.mediaStore.stream(info.key, range.kind === 'part' ? { range } : {});
  if (object === undefined) throw noObject(info.key);
  if (object.etag !== info.etag) {
    object.body.destroy();
    throw new ChiasmError('conflict', `${info.key} was written while it was read; ask again`, { retryable: true });
  }
  return c.body(Readable.toWeb(object.body) as ReadableStream<Uint8Array>, status, headers);
}

/** What the content is, as found when it was indexed; else what was declared. */
async function contentTypeOf(deps: AppDependencies, info: ObjectInfo & ObjectMetadata): Promise<string> {
  const indexed = (await deps.spaces.items.item(info.key))?.item;
  if (indexed?.etag === info.etag && indexed.status === 'indexed') return indexed.contentType;
  return info.contentType ?? 'application/octet-stream';
}

interface Received {
  readonly body: Readable;
  /** Bytes that have come so far. */
  sizeBytes(): number;
}

/** The request's body as it comes; it breaks off with `too_large` as soon as it is. */
function receive(request: Request, maxBytes: number): Received {
  const declared = request.headers.get('content-length');
  if (declared !== null) refuseTooLarge(Number(declared), maxBytes);
  let sizeBytes = 0;
  async function* chunks(): AsyncGenerator<Uint8Array> {
    if (request.body === null) return;
    for await (const chunk of request.body) {
      sizeBytes += chunk.byteLength;
      refuseTooLarge(sizeBytes, maxBytes);
      yield chunk;
    }
    if (declared !== null && sizeBytes !== Number(declared)) {
      throw new ChiasmError('invalid_request', `expected ${declared} bytes as declared, got ${sizeBytes}`);
    }
  }
  return { body: Readable.from(chunks(), { objectMode: false }), sizeBytes: () => sizeBytes };
}

function refuseTooLarge(sizeBytes: number, maxBytes: number): void {
  if (sizeBytes <= maxBytes) return;
  throw new ChiasmError('too_large', `expected an object of at most ${maxBytes} bytes, got ${sizeBytes}`);
}

function noObject(key: string): ChiasmError {
  return new ChiasmError('not_found', `there is no object ${JSON.stringify(key)}`);
}
