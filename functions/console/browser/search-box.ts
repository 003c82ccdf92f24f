/**
 * The one box: words being typed, and the terms of the query as chips that can be weighted, negated and removed. It shows
 * what it is told and reports what the person wants; the view is kept elsewhere.
 */

import { objectPath } from './api.ts';
import { fileName } from './describe.ts';
import { button, h, icon, place } from './element.ts';
import type { Media } from './media.ts';
import { isQuestion, type Term, termOf } from './view.ts';

export interface SearchBox {
  readonly show: (words: string, terms: readonly Term[]) => void;
  readonly focus: () => void;
}

export interface SearchBoxOptions {
  readonly media: Media;
  /** `typing` while words are typed, which comes in bursts; otherwise one deliberate act. */
  readonly onChange: (words: string, terms: readonly Term[], typing: boolean) => void;
  readonly onFiles: (files: readonly File[]) => void;
  readonly onDown: () => void;
  /** Enter after a question. */
  readonly onAsk: () => void;
}

const WEIGHT_STEPS = [0.5, 1, 2, 3] as const;

export function createSearchBox(options: SearchBoxOptions): SearchBox {
  const input = place<HTMLInputElement>('words');
  const list = place<HTMLUListElement>('terms');
  const form = place<HTMLFormElement>('search');
  let terms: readonly Term[] = [];

  const change = (next: readonly Term[], words = input.value) => options.onChange(words, next, false);
  const replace = (index: number, term: Term) => change(terms.with(index, term));
  const remove = (index: number) => {
    change(terms.toSpliced(index, 1));
    input.focus();
  };

  input.addEventListener('input', () => options.onChange(input.value, terms, true));
  input.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowDown') {
      event.preventDefault();
      options.onDown();
    } else if (event.key === 'Escape' && input.value !== '') {
      event.preventDefault();
      change(terms, '');
    } else if (event.key === 'Backspace' && input.value === '' && terms.length > 0) {
      event.preventDefault();
      const last = terms.at(-1)!;
      change(terms.slice(0, -1), last.kind === 'text' ? `${last.weight < 0 ? '-' : ''}${last.text}` : ''); // words come back to be edited
    }
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const term = termOf(input.value);
    if (isQuestion({ words: input.value, terms })) options.onAsk();
    else if (term !== undefined) change([...terms, term], '');
    else if (terms.length > 0) options.onDown();
  });
  input.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    options.onFiles(files);
  });
  place('box').addEventListener('click', (event) => {
    if (event.target === event.currentTarget || event.target === form || event.target === list) input.focus();
  });

  return {
    show: (words, next) => {
      if (input.value !== words) input.value = words;
      if (next === terms) return;
      const focused = [...list.querySelectorAll('button')].indexOf(document.activeElement as HTMLButtonElement);
      terms = next;
      list.replaceChildren(
        ...terms.map((term, i) =>
          chip(term, options.media, {
            onChange: (changed) => replace(i, changed),
            onRemove: () => remove(i),
          }),
        ),
      );
      if (focused !== -1) list.querySelectorAll('button')[focused]?.focus();
      input.placeholder = terms.length > 0 ? 'and …' : 'Describe what you look for, or ask?';
    },
    focus: () => {
      input.focus();
      input.select();
    },
  };
}

function chip(
  term: Term,
  media: Media,
  actions: { readonly onChange: (term: Term) => void; readonly onRemove: () => void },
): HTMLLIElement {
  const negative = term.weight < 0;
  const strength = Math.abs(term.weight);
  const name = nameOf(term);
  const nextStrength = WEIGHT_STEPS.find((step) => step > strength) ?? WEIGHT_STEPS[0];
  return h(
    'li',
    { class: `chip${negative ? ' negative' : ''}` },
    button(negative ? '−' : '+', {
      class: 'sign',
      attributes: {
        'aria-label': `Search away from ${name}`,
        'aria-pressed': String(negative),
        title: negative ? 'Less like this; press for more' : 'More like this; press for less',
      },
      onClick: () => actions.onChange({ ...term, weight: -term.weight }),
    }),
    thumbnail(term, media),
    h('span', { class: 'name' }, name),
    button(`×${strength === 0.5 ? '½' : strength}`, {
      class: 'weight',
      attributes: { 'aria-label': `Weight of ${name}: ${strength}`, title: `Weight; press for ×${nextStrength}` },
      onClick: () => actions.onChange({ ...term, weight: negative ? -nextStrength : nextStrength }),
    }),
    button(`Remove ${name}`, { icon: 'close', bare: true, class: 'remove', onClick: actions.onRemove }),
  );
}

function nameOf(term: Term): string {
  if (term.kind === 'text') return term.text;
  return term.kind === 'item' ? fileName(term.key) : term.name;
}

function thumbnail(term: Term, media: Media): Node | undefined {
  if (term.kind === 'text') return undefined;
  if (term.kind === 'media' && term.modality === 'audio') return icon('sound');
  const image = h('img', { attributes: { alt: '' } });
  image.addEventListener('error', () => image.replaceWith(icon('similar'))); // a sound or a text has no picture
  if (term.kind === 'item') {
    media.showPicture(image, objectPath(term.key, 320));
  } else {
    const address = URL.createObjectURL(term.data);
    image.addEventListener('load', () => URL.revokeObjectURL(address), { once: true });
    image.src = address;
  }
  return h('span', { class: 'chip-picture' }, image);
}
