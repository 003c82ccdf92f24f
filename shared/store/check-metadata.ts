/** The limits that Amazon S3 sets for what is kept beside an object's bytes, held by every store. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { ObjectMetadata } from './object-store.ts';

/** All names and values together, in UTF-8. Source: Amazon S3 user guide, "User-defined object metadata". */
export const MAX_METADATA_BYTES = 2048;

const METADATA_NAME = /^[a-z0-9][a-z0-9._-]*$/;
const CONTENT_TYPE = /^[\x20-\x7e]{1,255}$/;

/** @throws ChiasmError `invalid_request` for what a store could not keep */
export function checkMetadata(beside: ObjectMetadata): void {
  if (beside.contentType !== undefined && !CONTENT_TYPE.test(beside.contentType)) {
    throw refused(`a content type must be 1 to 255 printable ASCII characters; got ${quote(beside.contentType)}`);
  }
  let sizeBytes = 0;
  for (const [name, value] of Object.entries(beside.metadata ?? {})) {
    if (!METADATA_NAME.test(name)) {
      throw refused(`metadata names are lower-case letters, digits, ".", "_" and "-"; got ${quote(name)}`);
    }
    if (!value.isWellFormed()) throw refused(`the metadata value of ${quote(name)} must be well-formed Unicode`);
    sizeBytes += name.length + Buffer.byteLength(value, 'utf8');
  }
  if (sizeBytes > MAX_METADATA_BYTES) {
    throw refused(`metadata must be at most ${MAX_METADATA_BYTES} bytes in all; got ${sizeBytes}`);
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
