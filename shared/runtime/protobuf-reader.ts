/**
 * Walks the fields of a protobuf message without a schema and without reading what is skipped, so that a model of
 * gigabytes is looked at in milliseconds. Wire format: https://protobuf.dev/programming-guides/encoding/
 */

import { ChiasmError } from '#shared/core/errors.ts';
import type { ByteSource } from './byte-source.ts';

export interface Field {
  readonly number: number;
  /** 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  readonly wireType: 0 | 1 | 2 | 5;
  /** The value of a varint, in full only up to 2^53; otherwise 0. */
  readonly value: number;
  /** Where the payload lies; for a varint, empty. */
  readonly start: number;
  readonly end: number;
}

const MAX_VARINT_BYTES = 10;

/** The fields between two offsets, in order. @throws ChiasmError `model_invalid` at the first byte that is no protobuf */
export function* readFields(source: ByteSource, start: number, end: number): Generator<Field> {
  let offset = start;
  while (offset < end) {
    const tag = readVarint(source, offset, end);
    const number = Math.floor(tag.value / 8);
    const wireType = tag.value % 8;
    if (number === 0) throw invalid(`field number 0 at byte ${offset}`);
    if (wireType === 0) {
      const { value, next } = readVarint(source, tag.next, end);
      yield { number, wireType, value, start: next, end: next };
      offset = next;
    } else if (wireType === 1 || wireType === 5) {
      const next = tag.next + (wireType === 1 ? 8 : 4);
      if (next > end) throw invalid(`a number at byte ${tag.next} is cut off`);
      yield { number, wireType, value: 0, start: tag.next, end: next };
      offset = next;
    } else if (wireType === 2) {
      const length = readVarint(source, tag.next, end);
      const next = length.next + length.value;
      if (next > end) {
        throw invalid(
          `field ${number} at byte ${offset} needs ${length.value} bytes and ${end - length.next} are left`,
        );
      }
      yield { number, wireType, value: 0, start: length.next, end: next };
      offset = next;
    } else {
      throw invalid(`wire type ${wireType} at byte ${offset}`);
    }
  }
}

/** A varint's value and where it ends. Negative numbers (ten bytes) come out as NaN: no field that is read here may be. */
export function readVarint(source: ByteSource, offset: number, end: number): { value: number; next: number } {
  const bytes = source.view(offset, MAX_VARINT_BYTES);
  let value = 0;
  for (let i = 0; i < MAX_VARINT_BYTES && offset + i < end; i++) {
    const byte = bytes[i]!;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value: i === MAX_VARINT_BYTES - 1 ? Number.NaN : value, next: offset + i + 1 };
  }
  throw invalid(`the number at byte ${offset} is cut off`);
}

/** A length-delimited field as UTF-8. At most `maxBytes` are read. */
export function readText(source: ByteSource, field: Field, maxBytes = 4096): string {
  const length = Math.min(field.end - field.start, maxBytes);
  return Buffer.from(source.view(field.start, length).subarray(0, length)).toString('utf8');
}

function invalid(what: string): ChiasmError {
  return new ChiasmError('model_invalid', `not a complete protobuf message: ${what}`);
}
