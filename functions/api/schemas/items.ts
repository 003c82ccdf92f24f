/** Items and objects on the wire. */

import { z } from '@hono/zod-openapi';
import { type Item, type Part, transcriptOf } from '#shared/catalog/item.ts';
import { attributesSchema, modalitySchema, partRangeSchema, previewSchema } from './common.ts';

export const itemSchema = z
  .object({
    key: z.string(),
    modality: z.union([modalitySchema, z.null()]),
    contentType: z.string(),
    sizeBytes: z.int(),
    status: z.enum(['pending', 'indexed', 'failed']),
    failure: z.object({ code: z.string(), message: z.string() }).optional(),
    attributes: attributesSchema,
    parts: z
      .int()
      .optional()
      .openapi({ description: 'How many parts are embedded; only where one item is asked for.' }),
    ranges: z.array(partRangeSchema).optional().openapi({ description: 'Where each part lies; with `parts`.' }),
    transcript: z
      .array(z.object({ startSeconds: z.number(), endSeconds: z.number(), text: z.string() }))
      .optional()
      .openapi({ description: 'What is said in a sound, where a speech model has listened; with `parts`.' }),
    transcribedBy: z.string().optional().openapi({ description: 'The speech model that listened.' }),
    indexedAt: z.string().optional(),
    etag: z.string().optional(),
    digest: z.string().optional().openapi({ description: 'SHA-256 of the bytes, hexadecimal.' }),
    preview: previewSchema,
    url: z.string(),
  })
  .openapi('Item');

export const itemListSchema = z
  .object({ items: z.array(itemSchema), nextCursor: z.string().optional() })
  .openapi('ItemList');

export const storedSchema = z
  .object({ key: z.string(), etag: z.string(), sizeBytes: z.int(), contentType: z.string() })
  .openapi('StoredObject');

export const uploadRequestSchema = z
  .strictObject({
    key: z.string(),
    contentType: z
      .string()
      .regex(/^[\w.+-]+\/[\w.+-]+(\s*;.*)?$/, { error: 'expected a media type like image/jpeg' })
      .max(200),
    sizeBytes: z.int().min(0),
    attributes: attributesSchema.optional(),
  })
  .openapi('UploadRequest');

export const uploadSchema = z
  .object({
    url: z.string(),
    method: z.literal('PUT'),
    headers: z.record(z.string(), z.string()).openapi({ description: 'To be sent with the PUT exactly as they are.' }),
    expiresAt: z.string(),
  })
  .openapi('Upload');

export const eraseReceiptSchema = z
  .object({
    keys: z.array(z.string()).readonly(),
    erasedAt: z.iso.datetime().openapi({ description: 'When nothing was left.' }),
    generation: z.int().openapi({ description: 'The generation that holds nothing of them.' }),
    files: z
      .array(z.object({ key: z.string(), digest: z.string() }))
      .readonly()
      .openapi({ description: 'Files of that generation with their SHA-256.' }),
    removed: z
      .array(z.string())
      .readonly()
      .openapi({ description: 'Files that were rewritten without them and removed.' }),
  })
  .openapi('ErasureReceipt');

export type WireItem = z.infer<typeof itemSchema>;

export function toWireItem(item: Item, url: string, parts?: readonly Part[]): WireItem {
  return {
    key: item.key,
    modality: item.modality ?? null,
    contentType: item.contentType,
    sizeBytes: item.sizeBytes,
    status: item.status,
    ...(item.failure ? { failure: { ...item.failure } } : {}),
    attributes: item.attributes as WireItem['attributes'],
    ...(parts ? describeParts(item, parts) : {}),
    ...(item.transcribedBy === undefined ? {} : { transcribedBy: item.transcribedBy }),
    indexedAt: item.indexedAt,
    etag: item.etag,
    ...(item.digest === undefined ? {} : { digest: item.digest }),
    preview: toPreview(item),
    url,
  };
}

function describeParts(item: Item, parts: readonly Part[]): Pick<WireItem, 'parts' | 'ranges' | 'transcript'> {
  const embedded = item.modality === 'audio' ? parts.filter(({ text }) => text === undefined) : parts;
  const transcript = transcriptOf(item, parts);
  return {
    parts: embedded.length,
    ranges: embedded.map(({ range }) => range),
    ...(item.transcribedBy === undefined ? {} : { transcript: [...transcript] }),
  };
}

export function toPreview(item: Item): z.infer<typeof previewSchema> {
  const { width, height, averageColour, durationSeconds, waveform, title } = item;
  return { width, height, averageColour, durationSeconds, waveform, title };
}
