/** One item, large: the picture, player or text, what is known of it, what is like it, and its deletion. */

import { type Api, type Entry, explain, type Item, isAbort, objectPath, type Result } from './api.ts';
import { askAbout } from './ask-about.ts';
import { attributeText, duration, fileSize, isResult, MODALITY_NAMES, matchOf, titleOf } from './describe.ts';
import { button, h, icon, meter } from './element.ts';
import { createStage, type Stage } from './stage.ts';
import { createTile, type TileContext } from './tile.ts';

export interface ItemDialogOptions extends TileContext {
  readonly api: Api;
  /** The entry as the results have it, with its probability and part, when it is among them. */
  readonly found: (key: string) => Entry | undefined;
  readonly neighbours: (key: string) => { readonly previous?: Entry; readonly next?: Entry };
  readonly onClose: () => void;
  readonly onMoreLikeThis: (key: string) => void;
  readonly onRemoved: (key: string) => void;
}

export interface ItemDialog {
  /** Opens on the item, moves to it, or closes. */
  readonly show: (key: string | undefined) => void;
}

const SIMILAR_ITEMS = 12;

export function createItemDialog(options: ItemDialogOptions): ItemDialog {
  const step = (label: string, direction: 'left' | 'right') =>
    button(label, { icon: direction, bare: true, onClick: () => walk(direction) });
  const previous = step('Previous', 'left');
  const next = step('Next', 'right');
  const close = button('Close', { icon: 'close', bare: true, onClick: options.onClose });
  const keyLabel = h('span', { class: 'key' });
  const dialog = h(
    'dialog',
    { class: 'item', ariaLabel: 'Item' },
    h('header', { class: 'item-head' }, previous, next, keyLabel, close),
    h('div', { class: 'item-body' }),
  );
  document.body.append(dialog);
  let shownKey: string | undefined;
  let stage: Stage | undefined;
  let loading = new AbortController();

  const leave = () => {
    loading.abort();
    loading = new AbortController();
    stage?.stop();
  };
  dialog.addEventListener('cancel', (event) => {
    event.preventDefault(); // the view decides; it closes the dialog when the address says so
    options.onClose();
  });
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) options.onClose();
  });
  const walk = (direction: 'left' | 'right') => {
    const { previous: before, next: after } = shownKey === undefined ? {} : options.neighbours(shownKey);
    const target = direction === 'left' ? before : after;
    if (target !== undefined) options.onOpen(target);
  };
  dialog.addEventListener('keydown', (event) => {
    if ((event.target as Element).closest('input, textarea, .similar, [role=slider]')) return;
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    event.preventDefault();
    walk(event.key === 'ArrowLeft' ? 'left' : 'right');
  });

  async function load(key: string, signal: AbortSignal): Promise<void> {
    const found = options.found(key);
    try {
      const item = await options.api.item(key, signal);
      if (item === undefined) throw new Error('There is no such item. It may have been deleted.');
      // what could not be indexed cannot be shown either: its page says why, without asking for a picture of it
      const shown = item.status === 'failed' ? { ...item, modality: null } : (found ?? item);
      stage = createStage(shown, options, item.transcript);
      const body = h('div', { class: 'item-body' }, stage.element, details(item, found, signal));
      dialog.querySelector('.item-body')!.replaceWith(body);
      if (item.status === 'indexed') await loadSimilar(item, body, signal);
    } catch (error) {
      if (isAbort(error)) return;
      dialog.querySelector('.item-body')!.replaceChildren(h('p', { class: 'message' }, explain(error)));
    }
  }

  /** Of its own kind: who looks at a picture looks for pictures, and cosines of other kinds are of another scale. */
  async function loadSimilar({ key, modality }: Item, body: HTMLElement, signal: AbortSignal): Promise<void> {
    const answer = await options.api.search(
      { query: [{ item: key }], mode: 'vector', modalities: [modality], limit: SIMILAR_ITEMS + 1 },
      signal,
    );
    const similar = answer.results.filter((result: Result) => result.key !== key).slice(0, SIMILAR_ITEMS);
    if (similar.length === 0) return;
    const tiles = similar.map((result) => createTile(result, options));
    for (const link of tiles.map((tile) => tile.querySelector('a')!)) link.tabIndex = 0;
    body.append(
      h(
        'section',
        { class: 'similar', ariaLabel: 'Similar items' },
        h('h3', {}, 'Similar'),
        h('ul', { class: 'rows small' }, ...tiles),
      ),
    );
  }

  function details(item: Item, found: Entry | undefined, leaving: AbortSignal): HTMLElement {
    const confirmation = h('div', {
      class: 'confirmation',
      hidden: true,
      attributes: { role: 'alertdialog', 'aria-label': 'Delete' },
    });
    return h(
      'aside',
      { class: 'details' },
      h('h2', {}, titleOf(item)),
      found !== undefined && isResult(found) && matchLine(found),
      item.failure && h('p', { class: 'failure' }, icon('warning'), item.failure.message),
      item.status === 'pending' && h('p', { class: 'quiet' }, 'Waiting to be indexed.'),
      item.status === 'indexed' && item.modality === 'image' && askAbout(options.api, item.key, leaving),
      facts(item),
      h(
        'div',
        { class: 'actions' },
        item.status === 'indexed' &&
          button('More like this', {
            icon: 'similar',
            class: 'primary',
            onClick: () => options.onMoreLikeThis(item.key),
          }),
        button('Original', { icon: 'open', onClick: () => void openOriginal(options.api, item.key) }),
        button('Delete', { icon: 'bin', bare: true, onClick: () => askToDelete(item.key, confirmation) }),
      ),
      confirmation,
    );
  }

  function askToDelete(key: string, confirmation: HTMLElement): void {
    const confirm = button('Delete', {
      class: 'danger',
      onClick: async () => {
        confirm.disabled = true;
        try {
          await options.api.remove(key);
          options.onRemoved(key);
        } catch (error) {
          confirmation.replaceChildren(h('p', { class: 'failure' }, icon('warning'), explain(error)));
        }
      },
    });
    const keep = button('Keep it', { onClick: () => (confirmation.hidden = true) });
    confirmation.replaceChildren(
      h(
        'p',
        {},
        'Delete this item? It leaves the collection for good. A file in a folder of yours stays there; an uploaded one is removed.',
      ),
      h('div', { class: 'actions' }, confirm, keep),
    );
    confirmation.hidden = false;
    keep.focus();
  }

  return {
    show: (key) => {
      if (key === shownKey) return;
      shownKey = key;
      leave();
      dialog.querySelector('.item-body')!.replaceChildren();
      if (key === undefined) {
        dialog.close();
        return;
      }
      const around = options.neighbours(key);
      previous.disabled = around.previous === undefined;
      next.disabled = around.next === undefined;
      keyLabel.textContent = key;
      const opening = !dialog.open;
      if (opening) dialog.showModal();
      if (opening || !dialog.contains(document.activeElement) || (document.activeElement as HTMLButtonElement).disabled)
        close.focus();
      dialog.scrollTop = 0;
      void load(key, loading.signal);
    },
  };
}

function matchLine(found: Result): HTMLElement | undefined {
  const { words, probability } = matchOf(found);
  const sentence = `${words.slice(0, 1).toUpperCase()}${words.slice(1)}`;
  if (probability !== undefined) return meter(sentence, probability);
  return sentence === '' ? undefined : h('p', { class: 'match' }, sentence);
}

function facts(item: Item): HTMLElement {
  const { width, height, durationSeconds } = item.preview;
  const rows: [string, string | undefined][] = [
    ['Kind', item.modality === null ? undefined : MODALITY_NAMES[item.modality].one],
    ['Size', width !== undefined && height !== undefined ? `${width} × ${height}` : undefined],
    ['Length', durationSeconds === undefined ? undefined : duration(durationSeconds)],
    ['File', `${item.contentType}, ${fileSize(item.sizeBytes)}`],
    ['Indexed', item.indexedAt && item.status === 'indexed' ? new Date(item.indexedAt).toLocaleString() : undefined],
    ...Object.entries(item.attributes).map(([name, value]): [string, string] => [name, attributeText(value)]),
  ];
  return h(
    'dl',
    { class: 'facts' },
    ...rows.flatMap(([name, value]) => (value === undefined ? [] : [h('dt', {}, name), h('dd', {}, value)])),
  );
}

/** A plain link would not carry the key of a protected server. */
async function openOriginal(api: Api, key: string): Promise<void> {
  if (!api.isProtected()) {
    window.open(objectPath(key), '_blank', 'noopener');
    return;
  }
  const address = URL.createObjectURL(await (await api.object(objectPath(key))).blob());
  const link = h('a', { href: address, attributes: { download: key.slice(key.lastIndexOf('/') + 1) } });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000); // the download has begun by then
}
