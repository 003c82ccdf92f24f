/** What the console shows, and its spelling in the address: a search can be sent to somebody. */

import type { Modality } from './api.ts';

/** A negative weight pushes away. The weight is never 0. */
export type Term =
  | { readonly kind: 'text'; readonly text: string; readonly weight: number }
  | { readonly kind: 'item'; readonly key: string; readonly weight: number }
  /** A picture or sound that was dropped, pasted or recorded. It lives in the tab's history and is not in the address. */
  | {
      readonly kind: 'media';
      readonly modality: 'image' | 'audio';
      readonly name: string;
      readonly data: Blob;
      readonly weight: number;
    };

export const OPERATORS = ['is', 'is not', 'at least', 'at most', 'starts with', 'exists'] as const;
export type Operator = (typeof OPERATORS)[number];

export interface AttributeFilter {
  readonly field: string;
  readonly operator: Operator;
  readonly value: string;
}

export interface View {
  /** What is typed and not a term yet; it takes part in the search all the same. */
  readonly words: string;
  readonly terms: readonly Term[];
  readonly modality?: Modality;
  readonly prefix: string;
  readonly attributes: readonly AttributeFilter[];
  /** Match probability from which a result counts as a match. */
  readonly line: number;
  /** Key of the open item. */
  readonly item?: string;
}

export const DEFAULT_LINE = 0.5;

export const EMPTY_VIEW: View = { words: '', terms: [], prefix: '', attributes: [], line: DEFAULT_LINE };

export function isSearch(view: View): boolean {
  return termOf(view.words) !== undefined || view.terms.length > 0;
}

/** Whether the words are to be answered too: they end with a question mark, and no term says otherwise. */
export function isQuestion({ words, terms }: Pick<View, 'words' | 'terms'>): boolean {
  return terms.length === 0 && /[^\s?].*[?？؟]\s*$/s.test(words);
}

/** Whether both views ask the server for the same: the open item and the line do not matter. */
export function sameQuery(a: View, b: View): boolean {
  const key = ({ words, terms, modality, prefix, attributes }: View) =>
    JSON.stringify([words.trim(), terms.map(spellTerm), modality, prefix, attributes]);
  const media = (view: View) => view.terms.flatMap((term) => (term.kind === 'media' ? [term.data] : []));
  const theirs = media(b);
  return key(a) === key(b) && media(a).every((data, i) => data === theirs[i]);
}

/** `words` as a term: a leading minus negates. */
export function termOf(words: string): Term | undefined {
  const negated = words.trimStart().startsWith('-');
  const text = words.trim().replace(/^-\s*/, '');
  return text === '' ? undefined : { kind: 'text', text, weight: negated ? -1 : 1 };
}

export function parseView(search: string, carried: readonly Term[] = []): View {
  const parameters = new URLSearchParams(search);
  const line = Number(parameters.get('line') ?? DEFAULT_LINE);
  const modality = parameters.get('in');
  const item = parameters.get('item');
  return {
    words: parameters.get('q') ?? '',
    terms: carried.length > 0 ? carried : parameters.getAll('term').flatMap(parseTerm),
    ...(isModality(modality) && { modality }),
    prefix: parameters.get('under') ?? '',
    attributes: parameters.getAll('where').flatMap(parseAttributeFilter),
    line: line >= 0 && line <= 1 ? line : DEFAULT_LINE,
    ...(item !== null && { item }),
  };
}

/** The address of a view, relative to the page. */
export function viewAddress(view: View): string {
  const parameters = new URLSearchParams();
  if (view.words.trim() !== '') parameters.set('q', view.words.trim());
  for (const term of view.terms) {
    const spelled = term.kind === 'media' ? undefined : spellTerm(term);
    if (spelled !== undefined) parameters.append('term', spelled);
  }
  if (view.modality !== undefined) parameters.set('in', view.modality);
  if (view.prefix !== '') parameters.set('under', view.prefix);
  for (const { field, operator, value } of view.attributes) {
    const name = field.replaceAll('%', '%25').replaceAll(':', '%3A'); // the first colon ends the name
    parameters.append('where', `${name}:${operator}:${value}`);
  }
  if (view.line !== DEFAULT_LINE) parameters.set('line', String(view.line));
  if (view.item !== undefined) parameters.set('item', view.item);
  const query = parameters.toString();
  return query === '' ? './' : `./?${query}`;
}

/** `<weight>:<text or item>:<value>`. */
function spellTerm(term: Term): string {
  const value = term.kind === 'text' ? term.text : term.kind === 'item' ? term.key : term.name;
  return `${term.weight}:${term.kind}:${value}`;
}

function parseTerm(spelled: string): Term[] {
  const [, weightText, kind, value] = /^(-?[\d.]+):(text|item):(.+)$/s.exec(spelled) ?? [];
  const weight = Number(weightText);
  if (value === undefined || !Number.isFinite(weight) || weight === 0) return [];
  return [kind === 'text' ? { kind, text: value, weight } : { kind: 'item', key: value, weight }];
}

function parseAttributeFilter(spelled: string): AttributeFilter[] {
  const [field = '', operator, ...rest] = spelled.split(':');
  const known = OPERATORS.find((name) => name === operator);
  if (field === '' || known === undefined) return [];
  return [{ field: field.replaceAll('%3A', ':').replaceAll('%25', '%'), operator: known, value: rest.join(':') }];
}

function isModality(value: string | null): value is Modality {
  return value === 'image' || value === 'audio' || value === 'text';
}
