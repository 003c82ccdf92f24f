/** Attributes as users send them: one JSON object of plain values, kept beside the object's bytes. */

import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';
import type { Attributes } from './item.ts';

/** The name under which an object store keeps an object's attributes, as JSON. */
export const ATTRIBUTES_METADATA = 'chiasm-attributes';

const MAX_ATTRIBUTES_BYTES = 1_800; // Amazon S3 keeps 2 KB of user metadata for an object
const scalar = z.union([z.string(), z.number(), z.boolean()]);

const attributesSchema = z.record(
  z.string().min(1).max(128).regex(/^[^$]/u, { error: 'expected a name that does not start with "$"' }),
  z.union([scalar, z.null(), z.array(scalar)]),
);

/**
 * @param json a JSON object; undefined means none
 * @throws ChiasmError `invalid_request` with a JSON pointer for each problem
 */
export function parseAttributes(json: string | undefined): Attributes {
  if (json === undefined) return {};
  if (Buffer.byteLength(json) > MAX_ATTRIBUTES_BYTES) {
    throw new ChiasmError(
      'too_large',
      `expected attributes of at most ${MAX_ATTRIBUTES_BYTES} bytes of JSON, got ${Buffer.byteLength(json)}`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new ChiasmError('invalid_request', 'expected the attributes to be a JSON object', { cause });
  }
  const parsed = attributesSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map((issue) => ({ path: `/${issue.path.join('/')}`, message: issue.message }));
  throw new ChiasmError(
    'invalid_request',
    'expected attributes with values that are strings, numbers, booleans, null or lists of them',
    { issues },
  );
}
