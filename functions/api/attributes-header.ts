/** Attributes in an HTTP header and in S3 metadata: JSON with nothing but ASCII. */

import type { Attributes } from '#shared/catalog/item.ts';

/** JSON with every character beyond ASCII as \uXXXX, which is still the same JSON. */
export function attributesJson(attributes: Attributes): string {
  return toAscii(JSON.stringify(attributes));
}

/**
 * The header's JSON in ASCII. HTTP hands over bytes as Latin-1 characters, and clients send UTF-8: bytes that are UTF-8
 * are read as such.
 */
export function readAttributesHeader(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const bytes = Buffer.from(value, 'latin1');
  try {
    return toAscii(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return toAscii(value); // Latin-1 after all
  }
}

function toAscii(json: string): string {
  return json.replaceAll(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
