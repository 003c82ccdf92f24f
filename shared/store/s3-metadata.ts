/**
 * Metadata as HTTP headers. Amazon S3 keeps printable ASCII only; other values are written as extended values of RFC 8187
 * (`utf-8''Z%C3%BCrich`), which other tools can read too.
 */

import type { ObjectMetadata } from './object-store.ts';

/** Names the put that wrote an object, so that a writer whose answer was lost recognises its own work. Not shown to readers. */
export const WRITE_TOKEN = 'chiasm-write';

const EXTENDED = "utf-8''";
const PLAIN = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/; // HTTP trims spaces at the edges

export function encodeMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, encodeValue(value)]));
}

/** What was put beside an object, from the answer of a GET or HEAD. */
export function decodeMetadata(contentType: string | undefined, metadata: Record<string, string> = {}): ObjectMetadata {
  const own = Object.entries(metadata).filter(([name]) => name !== WRITE_TOKEN);
  return {
    ...(contentType !== undefined && { contentType }),
    ...(own.length > 0 && { metadata: Object.fromEntries(own.map(([name, value]) => [name, decodeValue(value)])) }),
  };
}

function encodeValue(value: string): string {
  if (PLAIN.test(value) && !value.startsWith(EXTENDED)) return value;
  return EXTENDED + encodeURIComponent(value);
}

function decodeValue(value: string): string {
  if (!value.startsWith(EXTENDED)) return value;
  try {
    return decodeURIComponent(value.slice(EXTENDED.length));
  } catch {
    return value; // written by another tool, which meant just this
  }
}
