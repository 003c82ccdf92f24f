/** Types that are recognised so that the refusal can name them. Signatures: https://www.garykessler.net/library/file_sigs.html */

interface Signature {
  readonly at?: number;
  /** ASCII where printable, `\x` escapes elsewhere. */
  readonly magic: string;
  /** Completes 'this is ...'. */
  readonly what: string;
  /** What to do instead, if anything helps. */
  readonly instead?: string;
}

const AS_IMAGE = 'save it as JPEG, PNG, WebP or AVIF';
const AS_AUDIO = 'save it as WAV, FLAC, MP3, Ogg Vorbis or Opus';
const AS_TEXT = 'save its text as plain text, Markdown or HTML';
const UNPACK = 'unpack it and store the files in it';

const SIGNATURES: readonly Signature[] = [
  { magic: '%PDF-', what: 'a PDF document, which is not indexed yet', instead: AS_TEXT },
  { magic: '{\\rtf', what: 'an RTF document', instead: AS_TEXT },
  { magic: '%!PS', what: 'a PostScript document', instead: AS_TEXT },
  { magic: '\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1', what: 'an old Microsoft Office document', instead: AS_TEXT },
  { magic: '\x1f\x8b', what: 'a gzip archive', instead: UNPACK },
  { magic: 'BZh', what: 'a bzip2 archive', instead: UNPACK },
  { magic: '\xfd7zXZ\x00', what: 'an xz archive', instead: UNPACK },
  { magic: '\x28\xb5\x2f\xfd', what: 'a Zstandard archive', instead: UNPACK },
  { magic: '7z\xbc\xaf\x27\x1c', what: 'a 7-Zip archive', instead: UNPACK },
  { magic: 'Rar!\x1a\x07', what: 'a RAR archive', instead: UNPACK },
  { at: 257, magic: 'ustar', what: 'a tar archive', instead: UNPACK },
  { magic: 'BM', what: 'a BMP picture', instead: AS_IMAGE },
  { magic: '\x00\x00\x01\x00', what: 'an icon file', instead: AS_IMAGE },
  { magic: '8BPS', what: 'a Photoshop document', instead: AS_IMAGE },
  { magic: '\xff\x0a', what: 'a JPEG XL picture', instead: AS_IMAGE },
  { magic: '\x00\x00\x00\x0cJXL ', what: 'a JPEG XL picture', instead: AS_IMAGE },
  { magic: '\x00\x00\x00\x0cjP  ', what: 'a JPEG 2000 picture', instead: AS_IMAGE },
  { magic: 'FUJIFILMCCD-RAW', what: 'a camera raw picture', instead: AS_IMAGE },
  { magic: 'IIRO', what: 'a camera raw picture', instead: AS_IMAGE },
  { magic: 'IIU\x00', what: 'a camera raw picture', instead: AS_IMAGE },
  { at: 8, magic: 'CR\x02', what: 'a camera raw picture', instead: AS_IMAGE },
  { at: 8, magic: 'AVI ', what: 'an AVI video; video is not indexed yet' },
  { magic: '\x1a\x45\xdf\xa3', what: 'a WebM or Matroska video; video is not indexed yet' },
  { magic: 'FLV\x01', what: 'a Flash video; video is not indexed yet' },
  { magic: '\x00\x00\x01\xba', what: 'an MPEG video; video is not indexed yet' },
  { magic: '\x00\x00\x01\xb3', what: 'an MPEG video; video is not indexed yet' },
  { magic: '\x30\x26\xb2\x75\x8e\x66\xcf\x11', what: 'a Windows Media file', instead: AS_AUDIO },
  { magic: 'FORM', what: 'an AIFF sound', instead: AS_AUDIO },
  { magic: 'MThd', what: 'a MIDI file: notes without sound', instead: AS_AUDIO },
  { magic: '#!AMR', what: 'an AMR sound', instead: AS_AUDIO },
  { magic: 'caff', what: 'a Core Audio sound', instead: AS_AUDIO },
  { magic: 'wvpk', what: 'a WavPack sound', instead: AS_AUDIO },
  { magic: 'MZ', what: 'a Windows program' },
  { magic: '\x7fELF', what: 'a Linux program' },
  { magic: '\xcf\xfa\xed\xfe', what: 'a macOS program' },
  { magic: '\xca\xfe\xba\xbe', what: 'a Java class or macOS program' },
  { magic: '\x00asm', what: 'a WebAssembly program' },
  { magic: 'SQLite format 3\x00', what: 'an SQLite database' },
  { magic: 'PAR1', what: 'a Parquet table' },
  { magic: 'ARROW1', what: 'an Arrow table' },
  { magic: 'wOFF', what: 'a font' },
  { magic: 'wOF2', what: 'a font' },
  { magic: 'OTTO', what: 'a font' },
  { magic: '\x00\x01\x00\x00\x00', what: 'a font' },
];

/** Tells office documents from other zip archives by the names inside. */
const ZIP_CONTENTS: readonly { readonly name: string; readonly what: string }[] = [
  { name: 'word/', what: 'a Word document, which is not indexed yet' },
  { name: 'xl/', what: 'an Excel workbook, which is not indexed yet' },
  { name: 'ppt/', what: 'a PowerPoint presentation, which is not indexed yet' },
  { name: 'mimetypeapplication/epub', what: 'an EPUB book, which is not indexed yet' },
  { name: 'mimetypeapplication/vnd.oasis.opendocument', what: 'an OpenDocument file, which is not indexed yet' },
];

/** Why content of this type is refused, as 'this is ...'; undefined when it is none of those known here. */
export function refusedType(bytes: Uint8Array): string | undefined {
  if (startsWith(bytes, 'PK\x03\x04')) {
    const names = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 16_384)).toString('latin1');
    const document = ZIP_CONTENTS.find(({ name }) => names.includes(name));
    return document === undefined ? `this is a zip archive: ${UNPACK}` : `this is ${document.what}: ${AS_TEXT}`;
  }
  const found = SIGNATURES.find(({ at, magic }) => startsWith(bytes, magic, at));
  if (found === undefined) return undefined;
  return `this is ${found.what}${found.instead === undefined ? '' : `: ${found.instead}`}`;
}

const SVG = /^(<\?xml[^>]*>\s*)?(<!--[\s\S]*?-->\s*)?(<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]/i;

/** The same for drawings and documents that are written in characters, of which only a program makes sense. */
export function refusedTextType(text: string): string | undefined {
  const head = text.slice(0, 2000).trimStart();
  if (SVG.test(head)) return `this is an SVG drawing: ${AS_IMAGE}`;
  return /^(%PDF-|\{\\rtf|%!PS)/.test(head) ? refusedType(Buffer.from(head, 'latin1')) : undefined;
}

/** Whether the bytes at `at` are these characters, one byte each. */
export function startsWith(bytes: Uint8Array, magic: string, at = 0): boolean {
  if (bytes.length < at + magic.length) return false;
  for (let i = 0; i < magic.length; i++) if (bytes[at + i] !== magic.charCodeAt(i)) return false;
  return true;
}
