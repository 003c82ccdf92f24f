/** Search on the wire, and its translation to and from `shared/search`. */

import { z } from '@hono/zod-openapi';
import { parseFilter } from '#shared/catalog/parse-filter.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { parseObjectKey } from '#shared/core/object-key.ts';
import type { ContentSource, QueryTerm, SearchAnswer, SearchRequest } from '#shared/search/query.ts';
import type { ApiLimits } from '../app-dependencies.ts';
import { objectPath } from '../object-path.ts';
import {
  attributesSchema,
  contentSourceSchema,
  filterSchema,
  keySchema,
  limitQuery,
  modalitySchema,
  numberQuery,
  partRangeSchema,
  previewSchema,
  strictQuery,
} from './common.ts';
import { toPreview } from './items.ts';

export const textSchema = z
  .string()
  .refine((text) => text.trim() !== '', { error: 'expected a text that is not empty' })
  .refine((text) => text.isWellFormed(), { error: 'expected well-formed Unicode' });

const termSchema = z
  .strictObject({
    text: textSchema.optional(),
    image: contentSourceSchema.optional(),
    audio: contentSourceSchema.optional(),
    item: keySchema.optional(),
    weight: z.number().default(1).openapi({ description: 'Finite; negative pushes results away from the term.' }),
  })
  .refine((term) => [term.text, term.image, term.audio, term.item].filter((part) => part !== undefined).length === 1, {
    error: 'expected exactly one of "text", "image", "audio", "item"',
  })
  .openapi('QueryTerm');

export const searchRequestSchema = z
  .strictObject({
    query: z.union([textSchema, z.array(termSchema).min(1)]),
    modalities: z.array(modalitySchema).min(1).optional(),
    filter: filterSchema.optional(),
    mode: z.enum(['vector', 'hybrid', 'lexical']).default('hybrid'),
    limit: z.int().min(1).max(100).default(20),
    cursor: z.string().min(1).max(500).optional(),
    minProbability: z.number().min(0).max(1).optional(),
  })
  .openapi('SearchRequest');

export const searchQuerySchema = strictQuery({
  q: textSchema.openapi({ param: { name: 'q', in: 'query', required: true }, example: 'a red car' }),
  limit: limitQuery,
  mode: z.enum(['vector', 'hybrid', 'lexical']).default('hybrid'),
  modality: modalitySchema.optional(),
  cursor: z.string().min(1).max(500).optional(),
  minProbability: numberQuery('number', 0, 1).optional(),
});

export const searchAnswerSchema = z
  .object({
    results: z.array(
      z.object({
        key: z.string(),
        modality: z.union([modalitySchema, z.null()]),
        score: z
          .number()
          .nullable()
          .openapi({ description: 'Cosine of the query and the best part; null without a vector.' }),
        probability: z.number().nullable().openapi({
          description:
            'Calibrated probability that the vectors match; null where the model has no calibration for it. What has the words literally (`matched`) is a match, however low this is.',
        }),
        matched: z.enum(['vector', 'text', 'both']).openapi({
          description: 'What found it. Literal matches of the words are exempt from `minProbability`.',
        }),
        part: partRangeSchema,
        attributes: attributesSchema,
        url: z.string(),
        snippet: z.string().optional().openapi({ description: 'Matched words stand between U+0002 and U+0003.' }),
        contentType: z.string(),
        preview: previewSchema,
      }),
    ),
    belowThreshold: z.int().openapi({
      description: 'How many more results this page would hold without `minProbability`.',
    }),
    warnings: z
      .array(
        z.object({
          code: z.enum(['unreached', 'uncalibrated']),
          terms: z.array(modalitySchema).readonly().openapi({ description: 'Kinds of the terms.' }),
          modalities: z.array(modalitySchema).readonly().openapi({ description: 'Kinds of the items.' }),
          message: z.string(),
        }),
      )
      .readonly()
      .optional()
      .openapi({
        description:
          'What was asked for and could not be done. `unreached`: these terms were not compared with these items: their model does not embed them and no alignment leads there. `uncalibrated`: they were compared through an alignment, of which no probability is known.',
      }),
    nextCursor: z.string().optional(),
    index: z.object({ generation: z.int(), items: z.int(), fresh: z.int() }),
    tookMs: z.object({ encode: z.number(), search: z.number(), total: z.number() }),
  })
  .openapi('SearchAnswer');

type WireRequest = z.infer<typeof searchRequestSchema>;
type WireTerm = z.infer<typeof termSchema>;

/** @throws ChiasmError `too_large` over the limits, `invalid_request` for weights that are all zero or a wrong filter */
export function toSearchRequest(wire: WireRequest, limits: ApiLimits): SearchRequest {
  const wireTerms: readonly WireTerm[] =
    typeof wire.query === 'string' ? [{ text: wire.query, weight: 1 }] : wire.query;
  if (wireTerms.length > limits.queryTerms) {
    throw new ChiasmError('too_large', `expected at most ${limits.queryTerms} query terms, got ${wireTerms.length}`);
  }
  if (wireTerms.every((term) => term.weight === 0)) {
    const message = 'expected a weight that is not zero';
    throw new ChiasmError('invalid_request', message, { issues: [{ path: '/query', message }] });
  }
  const filter = parseFilter(wire.filter, '/filter');
  return {
    terms: wireTerms.map((term) => toTerm(term, limits)),
    mode: wire.mode,
    limit: wire.limit,
    ...(filter === undefined ? {} : { filter }),
    ...(wire.modalities === undefined ? {} : { modalities: [...new Set(wire.modalities)].sort() }),
    ...(wire.cursor === undefined ? {} : { cursor: wire.cursor }),
    ...(wire.minProbability === undefined ? {} : { minProbability: wire.minProbability }),
  };
}

function toTerm(wire: WireTerm, limits: ApiLimits): QueryTerm {
  const { text, image, audio, item, weight } = wire;
  if (text !== undefined) return { kind: 'text', text: limitedText(text, limits), weight };
  if (image !== undefined) return { kind: 'image', source: toContentSource(image), weight };
  if (audio !== undefined) return { kind: 'audio', source: toContentSource(audio), weight };
  return { kind: 'item', key: parseObjectKey(item ?? ''), weight };
}

export function toContentSource(wire: z.infer<typeof contentSourceSchema>): ContentSource {
  if (wire.item !== undefined) return { kind: 'item', key: parseObjectKey(wire.item) };
  return { kind: 'data', bytes: Buffer.from(wire.data ?? '', 'base64') };
}

/** @throws ChiasmError `too_large` */
export function limitedText(text: string, limits: ApiLimits): string {
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes <= limits.textBytes) return text;
  throw new ChiasmError('too_large', `expected a text of at most ${limits.textBytes} bytes, got ${sizeBytes}`);
}

export function toWireAnswer(answer: SearchAnswer): z.infer<typeof searchAnswerSchema> {
  return {
    results: answer.results.map((result) => ({
      key: result.key,
      modality: result.modality ?? null,
      score: result.score ?? null,
      probability: result.probability ?? null,
      matched: result.matched,
      part: result.part,
      attributes: result.attributes as z.infer<typeof attributesSchema>,
      url: objectPath(result.key),
      ...(result.snippet === undefined ? {} : { snippet: result.snippet }),
      contentType: result.item.contentType,
      preview: toPreview(result.item),
    })),
    belowThreshold: answer.belowThreshold,
    ...(answer.warnings === undefined ? {} : { warnings: answer.warnings }),
    ...(answer.nextCursor === undefined ? {} : { nextCursor: answer.nextCursor }),
    index: answer.index,
    tookMs: answer.tookMs,
  };
}
