/** The limits that Amazon S3 sets for what is kept beside an object's bytes, held by every store. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { ObjectMetadata } from './object-store.ts';
import { encodeMetadata } from './s3-metadata.ts';

/**
 * All names and values together, as headers. Amazon S3 allows 2 KB (user guide, "User-defined object metadata"); the rest
 * is for the token that its adapter adds.
 */
const MAX_METADATA_BYTES = 2000;

const METADATA_NAME = /^[a-z0-9][a-z0-9._-]*$/;
const CONTENT_TYPE = /^[\x20-\x7e]{1,255}$/;

/** @throws ChiasmError `invalid_request` for what a store could not keep */
export function checkMetadata(beside: ObjectMetadata): void {
  if (beside.contentType !== undefined && !CONTENT_TYPE.test(beside.contentType)) {
    throw refused(`a content type must be 1 to 255 printable ASCII characters; got ${quote(beside.contentType)}`);
  }
  for (const [name, value] of Object.entries(beside.metadata ?? {})) {
    if (!METADATA_NAME.test(name)) {
      throw refused(`metadata names are lower-case letters, digits, ".", "_" and "-"; got ${quote(name)}`);
    }
    if (!value.isWellFormed()) throw refused(`the metadata value of ${quote(name)} must be well-formed Unicode`);
  }
  const headers = Object.entries(encodeMetadata(beside.metadata ?? {}));
  const sizeBytes = headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (sizeBytes > MAX_METADATA_BYTES) {
    throw refused(`metadata must be at most ${MAX_METADATA_BYTES} bytes in all, percent-encoded; got ${sizeBytes}`);
  }
}

/** True when there is something to keep. */
export function hasMetadata(beside: ObjectMetadata): boolean {
  return beside.contentType !== undefined || Object.keys(beside.metadata ?? {}).length > 0;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}

function refused(message: string): ChiasmError {
  return new ChiasmError('invalid_request', message);
}
