/** Frame headers of MPEG audio (MP3) and of AAC's ADTS, as far as telling them apart and their length needs. */

const BIT_RATES_V1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]; // kbit/s, MPEG-1 layer III
const BIT_RATES_V2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]; // MPEG-2 and 2.5
const SAMPLE_RATES = [44100, 48000, 32000]; // MPEG-1; halved for 2, quartered for 2.5

export interface Mp3Frame {
  readonly lengthBytes: number;
  readonly samples: number;
  readonly sampleRateHz: number;
  /** Where a Xing or Info header would be, from the start of the frame. */
  readonly sideInfoEnd: number;
}

/** The layer III frame header at `at`, or undefined when there is none. ISO/IEC 11172-3, 2.4.1.3. */
export function mp3Frame(bytes: Uint8Array, at: number): Mp3Frame | undefined {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  if (a !== 0xff || b === undefined || c === undefined || d === undefined || (b & 0xe6) !== 0xe2) return undefined;
  const version = (b >> 3) & 3; // 0: 2.5, 2: 2, 3: 1
  const bitRate = (version === 3 ? BIT_RATES_V1 : BIT_RATES_V2)[c >> 4];
  const baseRate = SAMPLE_RATES[(c >> 2) & 3];
  if (version === 1 || bitRate === undefined || bitRate === 0 || baseRate === undefined) return undefined;
  const sampleRateHz = baseRate / (version === 3 ? 1 : version === 2 ? 2 : 4);
  const samples = version === 3 ? 1152 : 576;
  const lengthBytes = Math.floor((samples * bitRate * 125) / sampleRateHz) + ((c >> 1) & 1);
  const isMono = d >> 6 === 3;
  const sideInfoEnd = 4 + (version === 3 ? (isMono ? 17 : 32) : isMono ? 9 : 17);
  return { lengthBytes, samples, sampleRateHz, sideInfoEnd };
}

/** Where the first frame is that another one follows (or the end of the file), within the first `within` bytes. */
export function firstMp3Frame(bytes: Uint8Array, within: number): number | undefined {
  for (let at = 0; at < Math.min(within, bytes.length); at++) {
    const frame = mp3Frame(bytes, at);
    if (frame === undefined) continue;
    const next = at + frame.lengthBytes;
    if (next === bytes.length || mp3Frame(bytes, next)?.sampleRateHz === frame.sampleRateHz) return at;
  }
  return undefined;
}

/** Whether these bytes begin with MP3 frames, after nothing but zeros. */
export function isMp3(bytes: Uint8Array): boolean {
  const start = bytes.findIndex((byte) => byte !== 0);
  return start >= 0 && firstMp3Frame(bytes.subarray(start), 1) === 0;
}

/** Whether these bytes begin with two ADTS frames (or one that is the whole file). ISO/IEC 13818-7, 6.2. */
export function isAdts(bytes: Uint8Array): boolean {
  const length = adtsLength(bytes, 0);
  return length !== undefined && (length === bytes.length || adtsLength(bytes, length) !== undefined);
}

function adtsLength(bytes: Uint8Array, at: number): number | undefined {
  if (bytes.length < at + 7 || bytes[at] !== 0xff || (bytes[at + 1]! & 0xf6) !== 0xf0) return undefined;
  const length = ((bytes[at + 3]! & 3) << 11) | (bytes[at + 4]! << 3) | (bytes[at + 5]! >> 5);
  return length >= 7 ? length : undefined;
}

/** Length of the ID3v2 tag at the start with its header; 0 without one. */
export function id3Length(bytes: Uint8Array): number {
  if (bytes[0] !== 0x49 || bytes[1] !== 0x44 || bytes[2] !== 0x33) return 0;
  const size = [6, 7, 8, 9].reduce((sum, i) => sum * 128 + ((bytes[i] ?? 0) & 127), 0);
  return size + ((bytes[5] ?? 0) & 0x10 ? 20 : 10);
}
