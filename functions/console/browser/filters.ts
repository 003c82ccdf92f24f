/** Which kinds are shown, and under a button: folder, attributes, and where the line of a match lies. */

import type { Entry, Modality } from './api.ts';
import { MODALITY_NAMES, percent } from './describe.ts';
import { button, h } from './element.ts';
import { type AttributeFilter, DEFAULT_LINE, OPERATORS, type Operator, type View } from './view.ts';

type Filters = Pick<View, 'modality' | 'prefix' | 'attributes' | 'line'>;

export interface FilterBar {
  readonly show: (view: View) => void;
  /** Offers what these entries have as names of attributes and folders. */
  readonly learnFrom: (entries: readonly Entry[]) => void;
}

const KINDS: readonly (Modality | undefined)[] = [undefined, 'image', 'audio', 'text'];

export function createFilterBar(root: HTMLElement, onChange: (filters: Filters) => void): FilterBar {
  let current: Filters = { prefix: '', attributes: [], line: DEFAULT_LINE };
  const change = (changes: Partial<Filters>) => {
    const { modality, ...rest } = { ...current, ...changes };
    onChange({ ...rest, ...(modality !== undefined && { modality }) });
  };

  const kinds = KINDS.map((kind) =>
    button(kind === undefined ? 'All' : MODALITY_NAMES[kind].many, {
      class: 'kind',
      onClick: () => change({ modality: kind }),
    }),
  );
  const active = h('ul', { class: 'active-filters', ariaLabel: 'Active filters' });
  const panel = createPanel(change, () => current);
  const toggle = button('Filter', {
    icon: 'filter',
    class: 'quiet-button',
    attributes: { 'aria-expanded': 'false', 'aria-controls': 'filter-panel' },
    onClick: () => {
      panel.element.hidden = !panel.element.hidden;
      toggle.setAttribute('aria-expanded', String(!panel.element.hidden));
      if (!panel.element.hidden) panel.element.querySelector('input')?.focus();
    },
  });
  document.addEventListener('pointerdown', ({ target }) => {
    if (!panel.element.hidden && !root.contains(target as Node)) toggle.click();
  });
  panel.element.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    toggle.click();
    toggle.focus();
  });
  root.append(
    h('div', { class: 'kinds', attributes: { role: 'group', 'aria-label': 'Kinds of results' } }, ...kinds),
    active,
    toggle,
    panel.element,
  );

  return {
    show: ({ modality, prefix, attributes, line }) => {
      current = { prefix, attributes, line, ...(modality !== undefined && { modality }) };
      kinds.forEach((kind, i) => {
        kind.setAttribute('aria-pressed', String(KINDS[i] === modality));
      });
      active.replaceChildren(...activeFilters(current, change));
      panel.show(current);
    },
    learnFrom: panel.learnFrom,
  };
}

function activeFilters(
  { prefix, attributes, line }: Filters,
  change: (changes: Partial<Filters>) => void,
): HTMLElement[] {
  const chip = (text: string, without: Partial<Filters>) =>
    h(
      'li',
      { class: 'chip filter' },
      h('span', { class: 'name' }, text),
      button(`Remove the filter ${text}`, {
        icon: 'close',
        bare: true,
        class: 'remove',
        onClick: () => change(without),
      }),
    );
  return [
    ...(prefix === '' ? [] : [chip(`in ${prefix}`, { prefix: '' })]),
    ...attributes.map((filter, i) =>
      chip(`${filter.field} ${filter.operator} ${filter.value}`.trim(), { attributes: attributes.toSpliced(i, 1) }),
    ),
    ...(line === DEFAULT_LINE ? [] : [chip(`matches from ${percent(line)}`, { line: DEFAULT_LINE })]),
  ];
}

function createPanel(change: (changes: Partial<Filters>) => void, current: () => Filters) {
  const known = { folders: new Set<string>(), fields: new Set<string>() };
  const folders = h('datalist', { id: 'known-folders' });
  const fields = h('datalist', { id: 'known-fields' });
  const prefix = h('input', {
    type: 'text',
    attributes: { list: 'known-folders', placeholder: 'holiday/', autocomplete: 'off', spellcheck: 'false' },
    on: { change: () => change({ prefix: prefix.value.trim() }) },
  });
  const field = h('input', {
    type: 'text',
    attributes: {
      list: 'known-fields',
      placeholder: 'attribute',
      'aria-label': 'Name of the attribute',
      autocomplete: 'off',
    },
  });
  const operator = h(
    'select',
    { ariaLabel: 'Comparison', on: { change: () => (value.hidden = operator.value === 'exists') } },
    ...OPERATORS.map((name) => h('option', { value: name }, name)),
  );
  const value = h('input', {
    type: 'text',
    attributes: { placeholder: 'value', 'aria-label': 'Value', autocomplete: 'off' },
  });
  const lineValue = h('span', {});
  const line = h('input', {
    type: 'range',
    attributes: { min: 0, max: 1, step: 0.05 },
    on: {
      input: () => lineValue.replaceChildren(percent(Number(line.value))),
      change: () => change({ line: Number(line.value) }),
    },
  });
  const attributeForm = h(
    'form',
    {
      class: 'attribute-form',
      on: {
        submit: (event) => {
          event.preventDefault();
          const added: AttributeFilter = {
            field: field.value.trim(),
            operator: operator.value as Operator,
            value: operator.value === 'exists' ? '' : value.value,
          };
          if (added.field === '') return field.focus();
          field.value = value.value = '';
          change({ attributes: [...current().attributes, added] });
        },
      },
    },
    field,
    operator,
    value,
    h('button', { type: 'submit', class: 'button' }, 'Add'),
  );
  const element = h(
    'div',
    { class: 'filter-panel', id: 'filter-panel', hidden: true },
    h('label', { class: 'field' }, h('span', {}, 'Folder'), prefix),
    h(
      'div',
      { class: 'field', attributes: { role: 'group', 'aria-label': 'Attribute' } },
      h('span', {}, 'Attribute'),
      attributeForm,
    ),
    h('label', { class: 'field' }, h('span', {}, 'A match is from ', lineValue), line),
    folders,
    fields,
  );
  return {
    element,
    show: (filters: Filters) => {
      prefix.value = filters.prefix;
      line.value = String(filters.line);
      lineValue.replaceChildren(percent(filters.line));
    },
    learnFrom: (entries: readonly Entry[]) => {
      for (const { key, attributes } of entries) {
        const end = key.lastIndexOf('/');
        if (end !== -1) known.folders.add(key.slice(0, end + 1));
        for (const name of Object.keys(attributes)) known.fields.add(name);
      }
      folders.replaceChildren(...[...known.folders].sort().map((name) => h('option', { value: name })));
      fields.replaceChildren(...[...known.fields].sort().map((name) => h('option', { value: name })));
    },
  };
}
