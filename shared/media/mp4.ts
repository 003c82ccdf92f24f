/** The boxes of an MP4 file, as far as finding its tracks needs. ISO/IEC 14496-12. */

export interface Mp4Track {
  /** 'soun', 'vide', or another four-character code. */
  readonly handler: string;
  /** The `trak` box's content. */
  readonly content: Uint8Array;
}

interface Box {
  readonly type: string;
  readonly content: Uint8Array;
}

/** The boxes one after another in `bytes`; stops at the first that does not fit. */
export function* mp4Boxes(bytes: Uint8Array): Generator<Box> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at + 8 <= bytes.length; ) {
    let size = view.getUint32(at);
    let header = 8;
    if (size === 1 && at + 16 <= bytes.length) {
      size = Number(view.getBigUint64(at + 8));
      header = 16;
    } else if (size === 0) size = bytes.length - at; // to the end of the file
    if (size < header || at + size > bytes.length) return;
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    yield { type, content: bytes.subarray(at + header, at + size) };
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
