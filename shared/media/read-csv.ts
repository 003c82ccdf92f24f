/** Tables as text: each row a paragraph of `header: value` lines. RFC 4180, with the separators that spreadsheets write. */

import type { ReadText } from './read-text.ts';

/** The first row names the columns. Empty cells are left out; a table of one row is its cells. */
export function readCsv(source: string, separator: string): ReadText {
  const [header = [], ...rows] = parseRows(source, separator === ',' ? likelySeparator(source) : separator);
  if (rows.length === 0) return { text: header.join('\n') };
  const paragraphs = rows.map((row) =>
    row
      .map((value, column) => ({ name: header[column]?.trim() ?? '', value: value.trim() }))
      .filter(({ value }) => value !== '')
      .map(({ name, value }) => (name === '' ? value : `${name}: ${value}`))
      .join('\n'),
  );
  return { text: paragraphs.filter((paragraph) => paragraph !== '').join('\n\n') };
}

/** Spreadsheets in many countries write semicolons into a .csv: what separates the first line most often. */
function likelySeparator(source: string): string {
  const firstLine = source.slice(0, Math.max(0, source.indexOf('\n'))).replace(/"[^"]*"/g, '');
  const count = (separator: string) => firstLine.split(separator).length;
  return [',', ';', '\t', '|'].reduce((best, separator) => (count(separator) > count(best) ? separator : best));
}

/** The cells of each row. */
export function parseRows(text: string, separator: string): string[][] {
  const source = text.replaceAll('\r\n', '\n');
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < source.length) {
    let value: string;
    if (source[at] === '"') [value, at] = quotedValue(source, at + 1);
    else value = '';
    const end = valueEnd(source, at, separator);
    value += source.slice(at, end);
    row.push(value);
    at = end + 1;
    if (source[end] === separator) {
      if (at === source.length) row.push('');
      continue;
    }
    if (row.some((cell) => cell !== '')) rows.push(row);
    row = [];
  }
  if (row.length > 0) rows.push(row);
  return rows;
}

/** The value up to its closing quotation mark, doubled ones halved, and the position after it. */
function quotedValue(source: string, start: number): [string, number] {
  let value = '';
  for (let from = start; ; ) {
    const quote = source.indexOf('"', from);
    if (quote === -1) return [value + source.slice(from), source.length];
    value += source.slice(from, quote);
    if (source[quote + 1] !== '"') return [value, quote + 1];
    value += '"';
    from = quote + 2;
  }
}

function valueEnd(source: string, start: number, separator: string): number {
  let end = start;
  while (end < source.length && source[end] !== separator && source[end] !== '\n') end++;
  return end;
}
