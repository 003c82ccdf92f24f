/** Items: what the index knows of objects, and objects that wait to be indexed. */

import { createRoute, z } from '@hono/zod-openapi';
import type { Filter } from '#shared/catalog/filter.ts';
import { ATTRIBUTES_METADATA, parseAttributes } from '#shared/catalog/parse-attributes.ts';
import { parseFilter } from '#shared/catalog/parse-filter.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { parseObjectKey } from '#shared/core/object-key.ts';
import type { ObjectInfo, ObjectMetadata } from '#shared/store/object-store.ts';
import type { ApiApp } from '../api-env.ts';
import type { AppDependencies } from '../app-dependencies.ts';
import { decodeListCursor, encodeListCursor } from '../list-cursor.ts';
import { objectPath } from '../object-path.ts';
import {
  jsonAnswer,
  jsonBody,
  keyParameter,
  limitQuery,
  modalitySchema,
  problemAnswer,
  strictQuery,
} from '../schemas/common.ts';
import { itemListSchema, itemSchema, toWireItem, type WireItem } from '../schemas/items.ts';

const RETRIES_AT_ONCE = 1_000;

const getItem = createRoute({
  method: 'get',
  path: '/v1/items/{key}',
  tags: ['Items'],
  summary: 'What is known of one object: pending, indexed, or failed with the reason',
  request: { params: keyParameter },
  responses: { 200: jsonAnswer(itemSchema, 'The item.'), ...problemAnswer },
});

const listItems = createRoute({
  method: 'get',
  path: '/v1/items',
  tags: ['Items'],
  summary: 'Items in ascending order of keys',
  request: {
    query: strictQuery({
      prefix: z.string().max(1024).optional(),
      modality: modalitySchema.optional(),
      status: z.enum(['pending', 'indexed', 'failed']).optional(),
      filter: z.string().max(20_000).optional().openapi({
        description: 'A filter of the search as JSON text. No pending item passes one: nothing is known of it yet.',
      }),
      limit: limitQuery,
      cursor: z.string().min(1).max(4_000).optional(),
    }),
  },
  responses: { 200: jsonAnswer(itemListSchema, 'A page of items.'), ...problemAnswer },
});

const retryItems = createRoute({
  method: 'post',
  path: '/v1/retries',
  tags: ['Items'],
  summary: 'Index failed items again',
  request: {
    body: jsonBody(
      z
        .strictObject({
          keys: z
            .array(z.string())
            .min(1)
            .max(RETRIES_AT_ONCE)
            .optional()
            .openapi({ description: 'Failed items. Default: all of them.' }),
        })
        .openapi('RetryRequest'),
    ),
  },
  responses: {
    202: jsonAnswer(z.object({ queued: z.int() }).openapi('Retry'), 'How many items are tried again.'),
    ...problemAnswer,
  },
});

export function registerItemRoutes(app: ApiApp, deps: AppDependencies): void {
  app.openapi(getItem, async (c) => {
    const key = parseObjectKey(c.req.valid('param').key);
    const found = await deps.spaces.items.item(key);
    const pending = deps.ingest.pending(key);
    if (found !== undefined && !pending) return c.json(toWireItem(found.item, objectPath(key), found.parts), 200);
    const stored = await deps.mediaStore.head(key);
    if (stored !== undefined) return c.json(toPendingItem(stored), 200);
    if (found !== undefined) return c.json(toWireItem(found.item, objectPath(key), found.parts), 200);
    throw new ChiasmError('not_found', `there is no item ${JSON.stringify(key)}`);
  });

  app.openapi(retryItems, async (c) => {
    const { keys } = c.req.valid('json');
    let queued = 0;
    for await (const failed of keys === undefined ? allFailed(deps) : [await failedAmong(deps, keys)]) {
      await deps.ingest.changed(failed);
      queued += failed.length;
    }
    return c.json({ queued }, 202);
  });

  app.openapi(listItems, async (c) => {
    const { prefix, modality, status, limit, cursor, ...query } = c.req.valid('query');
    const filter = filterOfQuery(query.filter);
    const after = cursor === undefined ? undefined : decodeListCursor(cursor);
    const items =
      status === 'pending'
        ? await pendingItems(deps, { prefix, limit: limit + 1, after, modality, filter })
        : (
            await deps.spaces.items.items({
              limit: limit + 1,
              ...(prefix === undefined ? {} : { prefix }),
              ...(modality === undefined ? {} : { modality }),
              ...(status === undefined ? {} : { status }),
              ...(filter === undefined ? {} : { filter }),
              ...(after === undefined ? {} : { after }),
            })
          ).map((item) => toWireItem(item, objectPath(item.key)));
    const page = items.slice(0, limit);
    const last = page.at(-1);
    const nextCursor = items.length > limit && last !== undefined ? encodeListCursor(last.key) : undefined;
    return c.json({ items: page, ...(nextCursor === undefined ? {} : { nextCursor }) }, 200);
  });
}

/** Keys of all failed items, in pages. */
async function* allFailed(deps: AppDependencies): AsyncGenerator<readonly string[]> {
  for (let after: string | undefined; ; ) {
    const query = { status: 'failed', limit: RETRIES_AT_ONCE, ...(after === undefined ? {} : { after }) } as const;
    const keys = (await deps.spaces.items.items(query)).map((item) => item.key);
    if (keys.length > 0) yield keys;
    if (keys.length < RETRIES_AT_ONCE) return;
    after = keys.at(-1);
  }
}

async function failedAmong(deps: AppDependencies, keys: readonly string[]): Promise<readonly string[]> {
  const found = await Promise.all(keys.map((key) => deps.spaces.items.item(parseObjectKey(key))));
  return found.flatMap((one) => (one?.item.status === 'failed' ? [one.item.key] : []));
}

/** @throws ChiasmError `invalid_request` for what is not JSON or no filter */
function filterOfQuery(text: string | undefined): Filter | undefined {
  if (text === undefined) return undefined;
  try {
    return parseFilter(JSON.parse(text), '/filter');
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    const message = 'expected the filter as JSON text, like {"album": "Lisbon"}';
    throw new ChiasmError('invalid_request', message, { cause, issues: [{ path: '/filter', message }] });
  }
}

/** An object whose modality is not known yet has none to ask for. */
async function pendingItems(
  deps: AppDependencies,
  query: {
    readonly prefix: string | undefined;
    readonly modality: string | undefined;
    readonly filter: Filter | undefined;
    readonly after: string | undefined;
    readonly limit: number;
  },
): Promise<WireItem[]> {
  const { pending } = deps.ingest.backlog();
  if (query.modality !== undefined || query.filter !== undefined || pending === 0) return [];
  const items: WireItem[] = [];
  const options = {
    ...(query.prefix === undefined ? {} : { prefix: query.prefix }),
    ...(query.after === undefined ? {} : { startAfter: query.after }),
  };
  for await (const info of deps.mediaStore.list(options)) {
    if (!deps.ingest.pending(info.key)) continue;
    items.push(toPendingItem(info));
    if (items.length >= query.limit) break;
  }
  return items;
}

function toPendingItem(info: ObjectInfo & ObjectMetadata): WireItem {
  return {
    key: info.key,
    modality: null,
    contentType: info.contentType ?? 'application/octet-stream',
    sizeBytes: info.sizeBytes,
    status: 'pending',
    attributes: parseAttributes(info.metadata?.[ATTRIBUTES_METADATA]) as WireItem['attributes'],
    etag: info.etag,
    preview: {},
    url: objectPath(info.key),
  };
}
