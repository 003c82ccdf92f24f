/** Wire types that several routes share. */

import { z } from '@hono/zod-openapi';
import { MODALITIES } from '#shared/core/modality.ts';

const problemSchema = z
  .object({
    type: z.string().openapi({ description: 'Where the documentation explains the code.', example: '/docs#not_found' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().openapi({ description: 'What was expected, what came, and what to do.' }),
    code: z.string().openapi({ example: 'not_found' }),
    issues: z
      .array(z.object({ path: z.string().openapi({ description: 'JSON pointer.' }), message: z.string() }))
      .optional(),
    requestId: z.string(),
  })
  .openapi('Problem');

/** The answer of every route to what it cannot do. */
export const problemAnswer = {
  default: {
    description: 'A problem document (RFC 9457); its `code` is one of those listed under Problems.',
    content: { 'application/problem+json': { schema: problemSchema } },
  },
} as const;

/** A JSON answer of one schema. */
export function jsonAnswer<Schema extends z.ZodType>(schema: Schema, description: string) {
  return { description, content: { 'application/json': { schema } } } as const;
}

/** A JSON body that must be there with its content type. */
export function jsonBody<Schema extends z.ZodType>(schema: Schema) {
  return { required: true, content: { 'application/json': { schema } } } as const;
}

export const modalitySchema = z.enum(MODALITIES).openapi('Modality');

export const keySchema = z.string().openapi({
  description:
    'Slash-separated path of at most 1,024 bytes of UTF-8, without "..", empty segments, backslashes or control characters.',
  example: 'holiday/beach.jpg',
});

export const keyParameter = z.object({
  key: keySchema.openapi({
    param: { name: 'key', in: 'path', required: true },
    description: 'The object key. Slashes may stay as they are; everything else is percent-encoded as UTF-8.',
  }),
});

const PLAIN_VALUE = 'expected a string, number, boolean, null, or a list of strings, numbers and booleans';
const scalarSchema = z.union([z.string(), z.number(), z.boolean()], { error: PLAIN_VALUE });

export const attributesSchema = z
  .record(z.string(), z.union([scalarSchema, z.null(), z.array(scalarSchema)], { error: PLAIN_VALUE }))
  .openapi('Attributes', { description: 'Plain values by name.', example: { album: 'Lisbon', stars: 4 } });

export const partRangeSchema = z
  .union([
    z.object({ startSeconds: z.number(), endSeconds: z.number() }),
    z.object({ startChar: z.int(), endChar: z.int() }),
    z.null(),
  ])
  .openapi('PartRange', { description: 'Where the part lies in its item; null when it is the whole item.' });

/** What lists and tiles show of an item without opening it. */
export const previewSchema = z
  .object({
    width: z.int().optional(),
    height: z.int().optional(),
    averageColour: z.string().optional().openapi({ example: '#3a6ea5' }),
    durationSeconds: z.number().optional(),
    waveform: z.array(z.number()).readonly().optional(),
    title: z.string().optional(),
  })
  .openapi('Preview');

export const filterSchema = z.record(z.string(), z.unknown()).openapi('Filter', {
  description:
    '`{"field": value}` is equality; `{"field": {"$in": [...], "$gt": n, "$gte": n, "$lt": n, "$lte": n, "$prefix": "...", "$exists": true}}`; `$and`, `$or` (lists) and `$not` nest. Fields are attributes or `key`, `modality`, `contentType`, `sizeBytes`, `indexedAt`.',
  example: { album: 'Lisbon', stars: { $gte: 4 } },
});

/** A number in a query string, within bounds; the empty string is none. */
export function numberQuery(type: 'integer' | 'number', minimum: number, maximum: number) {
  const number = type === 'integer' ? z.int() : z.number();
  return z
    .string()
    .regex(/^-?\d+(\.\d+)?$/, { error: `expected ${type === 'integer' ? 'a whole number' : 'a number'}` })
    .transform(Number)
    .pipe(number.min(minimum).max(maximum))
    .openapi({ type, minimum, maximum, pattern: undefined });
}

/** Query parameters of which a mistyped one is refused: it would have been left out in silence. */
export function strictQuery<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `unknown: ${issue.keys.join(', ')}; known are ${Object.keys(shape).join(', ')}`
        : undefined,
  });
}

export const limitQuery = numberQuery('integer', 1, 100)
  .default(20)
  .openapi({ type: 'integer', minimum: 1, maximum: 100, default: 20 });

const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

export const contentSourceSchema = z
  .strictObject({
    item: keySchema.optional(),
    data: z.string().min(1).optional().openapi({ format: 'byte', description: 'The bytes in base64.' }),
  })
  .refine((source) => (source.item === undefined) !== (source.data === undefined), {
    error: 'expected either "item" (the key of an object) or "data" (base64)',
  })
  .refine((source) => source.data === undefined || (source.data.length % 4 === 0 && base64.test(source.data)), {
    error: 'expected base64 with its padding',
    path: ['data'],
  })
  .openapi('ContentSource');
