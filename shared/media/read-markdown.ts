/**
 * Markdown without its marks, line by line. Not a full parser: what it does not know stays as it is written. Patterns are
 * bounded in length, so that no file can make them slow.
 */

import type { ReadText } from './read-text.ts';

const FRONT_MATTER = /^---\n([\s\S]*?)\n(?:---|\.\.\.)(?:\n|$)/;
const HEADING = /^ {0,3}(#{1,6})[ \t]+/;
const FENCE = /^ {0,3}(```|~~~)/;
const UNDERLINE_OR_RULE = /^(=+|-{2,}|([*_-][ \t]*){3,})$/;

/** Headings, link texts and picture descriptions stay as text. The title is the front matter's, or the first heading. */
export function readMarkdown(source: string): ReadText {
  const frontMatter = FRONT_MATTER.exec(source);
  const body = withoutComments(source.slice(frontMatter?.[0].length ?? 0));
  let title = frontMatterTitle(frontMatter?.[1]);
  let fence: string | undefined;
  const lines: string[] = [];
  for (const line of body.split('\n')) {
    const mark = FENCE.exec(line)?.[1];
    if (mark !== undefined && (fence === undefined || fence === mark)) {
      fence = fence === undefined ? mark : undefined;
    } else if (fence !== undefined) lines.push(line);
    else {
      const text = withoutMarks(line);
      if (HEADING.exec(line)?.[1] === '#') title ??= text;
      lines.push(text);
    }
  }
  return { text: lines.join('\n').trim(), ...(title !== undefined && { title }) };
}

function frontMatterTitle(frontMatter = ''): string | undefined {
  const line = frontMatter.split('\n').find((candidate) => candidate.startsWith('title:'));
  const value = line?.slice('title:'.length).trim();
  return value?.replace(/^(["'])(.*)\1$/, '$2') || undefined;
}

function withoutComments(source: string): string {
  let text = '';
  for (let from = 0; ; ) {
    const start = source.indexOf('<!--', from);
    const end = start === -1 ? -1 : source.indexOf('-->', start + 4);
    if (end === -1) return text + source.slice(from);
    text += source.slice(from, start);
    from = end + 3;
  }
}

function withoutMarks(line: string): string {
  const heading = HEADING.exec(line);
  if (heading !== null) return inlineText(withoutClosingMarks(line.slice(heading[0].length)));
  if (UNDERLINE_OR_RULE.test(line.trim())) return '';
  return inlineText(line.replace(/^[ \t]*>[ \t]?/, ''));
}

/** `Heading ##` closes with marks that are not part of it; `C#` does not. */
function withoutClosingMarks(heading: string): string {
  const text = heading.trimEnd();
  let end = text.length;
  while (text[end - 1] === '#') end--;
  return end === text.length || !/\s/.test(text[end - 1] ?? ' ') ? text : text.slice(0, end).trimEnd();
}

function inlineText(text: string): string {
  return text
    .replace(/!?\[([^[\]]{0,500})\]\([^()\s]{0,2000}(?:\s"[^"]{0,500}")?\)/g, '$1') // [text](url), ![description](url)
    .replace(/!?\[([^[\]]{1,500})\]\[[^[\]]{0,500}\]/g, '$1') // [text][reference]
    .replace(/<(https?:\/\/[^<>\s]{1,2000})>/g, '$1')
    .replace(/(\*\*|__)(?=\S)(.{0,500}?\S)\1/g, '$2') // **strong**
    .replace(/(?<![\w*])\*(?=\S)([^*]{0,500}?\S)\*(?![\w*])/g, '$1') // *emphasis*
    .replace(/`{1,3}([^`]{1,1000})`{1,3}/g, '$1');
}
