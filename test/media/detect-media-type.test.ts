import { describe, expect, it } from 'vitest';
import { type AudioFormat, detectMediaType, type ImageFormat } from '#shared/media/detect-media-type.ts';
import { drawScene, toSharp } from './pictures.ts';
import { fixture, wavFile } from './sounds.ts';

const bytesOf = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))));

const refusal = (bytes: Uint8Array, key?: string) => {
  try {
    return detectMediaType(bytes, key);
  } catch (error) {
    return { code: (error as { code: string }).code, message: (error as Error).message };
  }
};

describe('by content, not by name', () => {
  const scene = toSharp(drawScene(16, 16));

  it.each<ImageFormat>(['jpeg', 'png', 'webp', 'gif', 'avif', 'tiff'])('knows %s', async (format) => {
    const bytes = await scene.clone().toFormat(format).toBuffer();
    expect(detectMediaType(bytes, 'mislabelled.txt')).toEqual({
      modality: 'image',
      format,
      contentType: `image/${format}`,
    });
  });

  it.each<[string, AudioFormat, string]>([
    ['tone.mp3', 'mp3', 'audio/mpeg'],
    ['tone-no-tags.mp3', 'mp3', 'audio/mpeg'],
    ['tone.ogg', 'ogg-vorbis', 'audio/ogg'],
    ['tone.opus', 'ogg-opus', 'audio/ogg'],
    ['tone-flac.ogg', 'ogg-flac', 'audio/ogg'],
    ['tone.flac', 'flac', 'audio/flac'],
    ['tone.m4a', 'm4a', 'audio/mp4'],
    ['tone.aac', 'aac', 'audio/aac'],
    ['tone-alaw.wav', 'wav', 'audio/wav'],
  ])('knows %s', (name, format, contentType) => {
    expect(detectMediaType(fixture(name), 'mislabelled.jpg')).toEqual({ modality: 'audio', format, contentType });
  });

  it('knows a WAV without samples', () => {
    expect(detectMediaType(wavFile(new Uint8Array(0), { bits: 16 }))).toMatchObject({ format: 'wav' });
  });
});

describe('text', () => {
  it.each([
    ['notes.txt', 'plain', 'text/plain'],
    ['README', 'plain', 'text/plain'],
    ['README.md', 'markdown', 'text/markdown'],
    ['data/rows.CSV', 'csv', 'text/csv'],
    ['rows.tsv', 'tsv', 'text/tab-separated-values'],
    ['item.json', 'json', 'application/json'],
    ['items.jsonl', 'jsonl', 'application/jsonl'],
    ['page.htm', 'html', 'text/html'],
    ['program.py', 'plain', 'text/plain'],
  ])('%s is %s by its name', (key, format, contentType) => {
    expect(detectMediaType(Buffer.from('some words'), key)).toEqual({ modality: 'text', format, contentType });
  });

  it('knows a page without a name by how it begins', () => {
    expect(detectMediaType(Buffer.from('\n<!-- hi --><!DOCTYPE html><p>x'), 'index')).toMatchObject({ format: 'html' });
  });

  it.each([
    ['UTF-8', Buffer.from('naïve 日本語 🙂')],
    ['UTF-8 with a byte order mark', Buffer.from('\ufeffwords')],
    ['UTF-16 with a byte order mark', Buffer.from('\ufeffwords in UTF-16', 'utf16le')],
    ['UTF-16 without one', Buffer.from('words in UTF-16', 'utf16le')],
    ['Latin-1', Buffer.from('caf\xe9 cr\xe8me, na\xefve fa\xe7ade', 'latin1')],
    ['text that begins like a bitmap', Buffer.from('BMW makes cars')],
  ])('accepts %s', (_name, bytes) => {
    expect(detectMediaType(bytes, 'a.txt')).toMatchObject({ modality: 'text' });
  });

  it('accepts UTF-8 that its look at the head cuts inside a character', () => {
    expect(detectMediaType(Buffer.from('é'.repeat(600_000)), 'a.txt')).toMatchObject({
      modality: 'text',
    });
    expect(detectMediaType(Buffer.from(`x${'é'.repeat(600_000)}`), 'a.txt')).toMatchObject({ modality: 'text' });
  });
});

describe('refusals', () => {
  it('says that a file is empty', () => {
    expect(refusal(new Uint8Array(0))).toEqual({ code: 'corrupt_input', message: 'the file is empty' });
  });

  it.each([
    ['red.mp4', /video is not indexed yet/],
    ['red.mov', /video is not indexed yet/],
    ['red.webm', /video is not indexed yet/],
    ['red.avi', /video is not indexed yet/],
    ['speech.spx', /Speex/],
  ])('names %s', (name, message) => {
    expect(refusal(fixture(name), name)).toEqual({ code: 'unsupported_type', message: expect.stringMatching(message) });
  });

  it.each([
    ['HEIC', bytesOf([0, 0, 0, 24], 'ftypheic', [0, 0, 0, 0], 'mif1heic'), /HEIC.*save it as JPEG/],
    ['PDF', bytesOf('%PDF-1.7\n', [0xe2, 0xe3, 0xcf, 0xd3]), /PDF document/],
    ['PDF in ASCII', bytesOf('%PDF-1.4\nall readable'), /PDF document/],
    ['zip', bytesOf('PK\x03\x04', [20, 0], 'a.txt', [0, 1]), /zip archive: unpack/],
    ['docx', bytesOf('PK\x03\x04', [20, 0], '[Content_Types].xml', [0], 'word/document.xml'), /Word document/],
    ['gzip', bytesOf([0x1f, 0x8b, 8, 0, 0, 0]), /gzip archive/],
    ['program', bytesOf('\x7fELF', [2, 1, 1, 0]), /Linux program/],
    ['database', bytesOf('SQLite format 3\x00'), /SQLite/],
    ['SVG', bytesOf('<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>'), /SVG drawing/],
    ['RTF', bytesOf('{\\rtf1 hello}'), /RTF document/],
    ['bitmap', bytesOf('BM', [70, 0, 0, 0, 0, 0, 0, 0, 54]), /BMP/],
    [
      'random bytes',
      Buffer.from(Array.from({ length: 400 }, (_, i) => (i * i * 31 + i * 7 + 129) % 256)),
      /binary data/,
    ],
    ['zeros', new Uint8Array(100), /binary data/],
    ['text with a NUL', bytesOf('some text\x00and more'), /binary data/],
  ])('names %s', (_name, bytes, message) => {
    expect(refusal(bytes, 'x.txt')).toEqual({ code: 'unsupported_type', message: expect.stringMatching(message) });
  });
});
