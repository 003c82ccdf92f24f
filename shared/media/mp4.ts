/** The boxes of an MP4 file, as far as finding its tracks needs. ISO/IEC 14496-12. */

import { ChiasmError } from '#shared/core/errors.ts';

export interface Mp4Track {
  /** 'soun', 'vide', or another four-character code. */
  readonly handler: string;
  /** The `trak` box's content. */
  readonly content: Uint8Array;
}

interface Box {
  readonly type: string;
  readonly content: Uint8Array;
  /** Where its header begins, from the start of the bytes it is in. */
  readonly start: number;
}

/** A file of tiny boxes would keep the server busy; ten minutes of fragments have fewer. */
const MAX_BOXES = 100_000;

/** The boxes one after another in `bytes`; stops at the first that does not fit. */
export function* mp4Boxes(bytes: Uint8Array): Generator<Box> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0, count = 0; at + 8 <= bytes.length && count < MAX_BOXES; count++) {
    let size = view.getUint32(at);
    let header = 8;
    if (size === 1 && at + 16 <= bytes.length) {
      size = Number(view.getBigUint64(at + 8));
      header = 16;
    } else if (size === 0) size = bytes.length - at; // to the end of the file
    if (size < header || at + size > bytes.length) return;
    const type = mp4Type(bytes, at + 4);
    yield { type, content: bytes.subarray(at + header, at + size), start: at };
    at += size;
  }
}

/** The content of the first box at this path, or undefined. */
export function mp4Box(bytes: Uint8Array, ...path: readonly string[]): Uint8Array | undefined {
  const [type, ...rest] = path;
  if (type === undefined) return bytes;
  for (const box of mp4Boxes(bytes)) if (box.type === type) return mp4Box(box.content, ...rest);
  return undefined;
}

/** The tracks of the file; none when it is damaged. */
export function mp4Tracks(bytes: Uint8Array): Mp4Track[] {
  const movie = mp4Box(bytes, 'moov');
  if (movie === undefined) return [];
  return [...mp4Boxes(movie)]
    .filter(({ type }) => type === 'trak')
    .map(({ content }) => {
      const handler = mp4Box(content, 'mdia', 'hdlr')?.subarray(8, 12) ?? [];
      return { handler: String.fromCharCode(...handler), content };
    });
}

/** A four-character code. */
export function mp4Type(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

/** @throws ChiasmError `corrupt_input` behind the end */
export function mp4Uint32(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) throw damagedMp4('its index is cut off');
  return bytes[at]! * 2 ** 24 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!);
}

/** Exact to 2^53, which no file's length reaches. @throws ChiasmError `corrupt_input` behind the end */
export function mp4Uint64(bytes: Uint8Array, at: number): number {
  return mp4Uint32(bytes, at) * 2 ** 32 + mp4Uint32(bytes, at + 4);
}

export function damagedMp4(reason: string): ChiasmError {
  return new ChiasmError('corrupt_input', `the MP4 file is damaged or incomplete: ${reason}`);
}
