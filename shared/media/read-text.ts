/** Text files to the text that a person would read in them. */

import { ChiasmError } from '#shared/core/errors.ts';
import { decodeText } from './decode-text.ts';
import type { TextFormat } from './detect-media-type.ts';
import { DEFAULT_MEDIA_LIMITS, type MediaLimits } from './limits.ts';
import { readCsv } from './read-csv.ts';
import { readHtml } from './read-html.ts';
import { readJson, readJsonLines } from './read-json.ts';
import { readMarkdown } from './read-markdown.ts';

export interface ReadText {
  /** Line ends are `\n`; never blank. Positions of passages count in it. */
  readonly text: string;
  readonly title?: string;
}

const READERS: Record<TextFormat, (source: string) => ReadText> = {
  plain: (source) => ({ text: source }),
  markdown: readMarkdown,
  html: readHtml,
  json: readJson,
  jsonl: readJsonLines,
  csv: (source) => readCsv(source, ','),
  tsv: (source) => readCsv(source, '\t'),
};

/** @throws ChiasmError `too_large`, or `corrupt_input` for what is no text, is blank, or is not of its format */
export function readText(
  bytes: Uint8Array,
  format: TextFormat,
  limits: Pick<MediaLimits, 'textBytes'> = DEFAULT_MEDIA_LIMITS,
): ReadText {
  if (bytes.length > limits.textBytes) {
    throw new ChiasmError(
      'too_large',
      `the text has ${(bytes.length / 1e6).toFixed(1)} MB; at most ${limits.textBytes / 1e6} MB are read: ` +
        'store it as several files',
    );
  }
  const source = decodeText(bytes);
  if (source === undefined)
    throw new ChiasmError('corrupt_input', 'expected text; these bytes are in no known encoding');
  const read = READERS[format](source.replace(/\r\n?/g, '\n'));
  if (read.text.trim() === '') throw new ChiasmError('corrupt_input', 'the file holds no text to search for');
  return read;
}
