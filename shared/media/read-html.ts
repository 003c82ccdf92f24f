/**
 * The visible text of an HTML page, from its tokens. No tree is built: trees of hostile pages take quadratic time.
 */

import { type Token, Tokenizer, TokenizerMode } from 'parse5';
import type { ReadText } from './read-text.ts';

const names = (list: string) => new Set(list.split(' '));

const INVISIBLE = names(
  'script style noscript template iframe noembed noframes object svg math canvas audio video select datalist dialog',
);

/** Elements within a line; all others begin a paragraph of their own. */
const INLINE = names(
  'a abbr acronym b bdi bdo big cite code data del dfn em font i img input ins kbd label mark meta link output q ruby rb rp ' +
    'rt s samp small span strike strong sub sup time tt u var wbr title',
);

const VOID = names('area base br col embed hr img input link meta param source track wbr');

/** Elements whose content has no tags, and how it is read. */
const CONTENT_MODES: Readonly<Record<string, Tokenizer['state']>> = {
  title: TokenizerMode.RCDATA,
  textarea: TokenizerMode.RCDATA,
  style: TokenizerMode.RAWTEXT,
  iframe: TokenizerMode.RAWTEXT,
  noembed: TokenizerMode.RAWTEXT,
  noframes: TokenizerMode.RAWTEXT,
  script: TokenizerMode.SCRIPT_DATA,
};

/** Entities are decoded, white space is collapsed as a browser does, and blocks are separated by blank lines. */
export function readHtml(source: string): ReadText {
  const page = createFlow();
  const title = createFlow();
  let flow = page;
  let hidden = { tagName: '', depth: 0 }; // inside an invisible element: how many of its name are open

  const startTag = (tag: Token.TagToken) => {
    tokenizer.state = CONTENT_MODES[tag.tagName] ?? tokenizer.state;
    if (hidden.depth > 0) {
      if (tag.tagName === hidden.tagName) hidden.depth++;
    } else if (isInvisible(tag)) hidden = { tagName: tag.tagName, depth: 1 };
    else if (tag.tagName === 'title') flow = title.text() === '' ? title : flow;
    else if (tag.tagName === 'img') flow.write(` ${attribute(tag, 'alt') ?? ''} `);
    else flow.separate(gapAround(tag.tagName));
  };
  const endTag = (tag: Token.TagToken) => {
    if (hidden.depth > 0) {
      if (tag.tagName === hidden.tagName) hidden.depth--;
    } else if (tag.tagName === 'title') flow = page;
    else flow.separate(gapAround(tag.tagName));
  };
  const characters = (token: Token.CharacterToken) => {
    if (hidden.depth === 0) flow.write(token.chars);
  };
  const tokenizer = new Tokenizer(
    { sourceCodeLocationInfo: false },
    {
      onStartTag: startTag,
      onEndTag: endTag,
      onCharacter: characters,
      onWhitespaceCharacter: characters,
      onNullCharacter: () => {},
      onComment: () => {},
      onDoctype: () => {},
      onEof: () => {},
    },
  );
  tokenizer.write(source, true);
  return { text: page.text(), ...(title.text() !== '' && { title: title.text() }) };
}

function isInvisible(tag: Token.TagToken): boolean {
  if (INVISIBLE.has(tag.tagName)) return !tag.selfClosing;
  if (VOID.has(tag.tagName)) return false;
  return attribute(tag, 'hidden') !== undefined || /display\s{0,9}:\s{0,9}none/i.test(attribute(tag, 'style') ?? '');
}

function attribute(tag: Token.TagToken, name: string): string | undefined {
  return tag.attrs.find((candidate) => candidate.name === name)?.value;
}

/** From the narrowest to the widest. */
const GAPS = ['', ' ', '\n', '\n\n'] as const;
type Gap = (typeof GAPS)[number];

function gapAround(tagName: string): Gap {
  if (INLINE.has(tagName)) return '';
  if (tagName === 'td' || tagName === 'th') return ' ';
  return tagName === 'br' || tagName === 'li' || tagName === 'tr' ? '\n' : '\n\n';
}

/** Collects text; white space and gaps that meet become the widest gap among them. */
function createFlow() {
  const pieces: string[] = [];
  let gap: Gap = '';
  const separate = (wanted: Gap) => {
    if (GAPS.indexOf(wanted) > GAPS.indexOf(gap)) gap = wanted;
  };
  const write = (characters: string) => {
    if (/^\s/.test(characters)) separate(' ');
    const words = characters.trim();
    if (words === '') return;
    pieces.push(pieces.length === 0 ? '' : gap, words.replace(/\s+/g, ' '));
    gap = /\s$/.test(characters.slice(-1)) ? ' ' : '';
  };
  return { separate, write, text: () => pieces.join('') };
}
