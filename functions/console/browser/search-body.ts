/** A view as the request that `POST /v1/search` and `GET /v1/items` take. */

import type { AttributeFilter, Term, View } from './view.ts';
import { termOf } from './view.ts';

type Scalar = string | number | boolean;

export async function searchBody(view: View, page: { readonly limit: number; readonly cursor?: string }) {
  const typed = termOf(view.words);
  const terms = typed === undefined ? view.terms : [...view.terms, typed];
  return { query: await Promise.all(terms.map(queryTerm)), ...filters(view), ...page };
}

/** The parts of the request that narrow it down, left out where there is nothing to say. */
export function filters(view: View): { filter?: object; modalities?: readonly string[] } {
  const conditions = view.attributes.map(attributeCondition);
  if (view.prefix !== '') conditions.push({ key: { $prefix: view.prefix } });
  return {
    ...(conditions.length > 0 && { filter: conditions.length === 1 ? conditions[0]! : { $and: conditions } }),
    ...(view.modality !== undefined && { modalities: [view.modality] }),
  };
}

async function queryTerm(term: Term): Promise<object> {
  const { weight } = term;
  if (term.kind === 'text') return { text: term.text, weight };
  if (term.kind === 'item') return { item: term.key, weight };
  return { [term.modality]: { data: await base64(term.data) }, weight };
}

const encoded = new WeakMap<Blob, Promise<string>>();

/** Remembered for as long as the blob lives: every keystroke sends it again. */
function base64(data: Blob): Promise<string> {
  let text = encoded.get(data);
  if (text === undefined) {
    text = new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''));
      reader.onerror = () => reject(reader.error);
      reader.readAsDataURL(data);
    });
    encoded.set(data, text);
  }
  return text;
}

function attributeCondition({ field, operator, value }: AttributeFilter): object {
  switch (operator) {
    case 'is':
      return { [field]: { $in: readings(value) } };
    case 'is not':
      return { $not: { [field]: { $in: readings(value) } } };
    case 'at least':
      return { [field]: { $gte: number(value) } };
    case 'at most':
      return { [field]: { $lte: number(value) } };
    case 'starts with':
      return { [field]: { $prefix: value } };
    case 'exists':
      return { [field]: { $exists: true } };
  }
}

/** Attributes have types and a text box has none: `2020` may be meant as a number or as a text. */
function readings(value: string): Scalar[] {
  const asNumber = number(value);
  if (typeof asNumber === 'number') return [value, asNumber];
  return value === 'true' || value === 'false' ? [value, value === 'true'] : [value];
}

function number(value: string): string | number {
  const parsed = Number(value);
  return value.trim() !== '' && Number.isFinite(parsed) ? parsed : value;
}
