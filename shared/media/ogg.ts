/** The pages of an Ogg file, as far as its length and completeness need. RFC 3533. */

export interface OggPages {
  /** Positions (in the codec's unit) at the end of the first and the last page with samples; undefined without any. */
  readonly firstGranule: number | undefined;
  readonly lastGranule: number | undefined;
  /** The first packet, which describes the codec. */
  readonly head: Uint8Array;
  /** False when the file ends inside a page. */
  readonly isComplete: boolean;
}

const HEADER_BYTES = 27;
const NO_PACKET_ENDS = 0xffff_ffff_ffff_ffffn;

/** Reads the pages of the file's first stream; stops at what is no page. */
export function readOggPages(bytes: Uint8Array): OggPages {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let firstGranule: number | undefined;
  let lastGranule: number | undefined;
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length && view.getUint32(at) === 0x4f676753) {
    const granule = view.getBigUint64(at + 6, true);
    const segments = bytes[at + 26]!;
    const sizes = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + segments);
    const end = at + HEADER_BYTES + segments + sizes.reduce((sum, size) => sum + size, 0);
    if (sizes.length < segments || end > bytes.length) break;
    if (view.getUint32(at + 14) === view.getUint32(14) && granule !== NO_PACKET_ENDS && granule > 0n) {
      firstGranule ??= Number(granule);
      lastGranule = Number(granule);
    }
    at = end;
  }
  const rest = bytes.length - at;
  const isComplete = rest === 0 || (rest >= 4 && view.getUint32(at) !== 0x4f676753); // tags may follow the last page
  return { firstGranule, lastGranule, head: bytes.subarray(HEADER_BYTES + (bytes[26] ?? 0)), isComplete };
}
