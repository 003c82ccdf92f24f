/** The grid of tiles: what matches, a quiet line, and what lies just below it. Arrow keys walk through all of it. */

import type { Entry, Result } from './api.ts';
import { isResult, percent, spokenName } from './describe.ts';
import { button, type Child, h, present } from './element.ts';
import { createTile, type TileContext } from './tile.ts';

export interface ResultsOptions extends TileContext {
  readonly onMore: () => void;
  /** The walk left the grid at its top. */
  readonly onLeave: () => void;
}

export interface Shown {
  readonly entries: readonly Entry[];
  readonly hasMore: boolean;
  /** Present for a search, absent while the collection is browsed. */
  readonly line?: number;
}

export interface Results {
  readonly show: (shown: Shown) => void;
  /** Instead of a grid: what to say where there is nothing to show. */
  readonly showMessage: (...children: readonly Child[]) => void;
  readonly setBusy: (busy: boolean) => void;
  readonly focusFirst: () => void;
  readonly focus: (key: string) => void;
  /** In the order on the screen. */
  readonly entries: () => readonly Entry[];
}

/** A word that is literally there matches, however far the vectors are; so does what nobody could estimate. */
export function isMatch(result: Result, line: number): boolean {
  return result.matched !== 'vector' || result.probability === null || result.probability >= line;
}

export function createResults(root: HTMLElement, options: ResultsOptions): Results {
  let tiles = new Map<string, { readonly cell: HTMLLIElement; readonly drawnFrom: string }>();
  let ordered: readonly Entry[] = [];

  const links = () => [...root.querySelectorAll<HTMLAnchorElement>('a.tile')];
  const select = (link: HTMLAnchorElement | undefined) => {
    for (const other of root.querySelectorAll('a.tile[tabindex="0"]')) other.setAttribute('tabindex', '-1');
    link?.setAttribute('tabindex', '0');
  };
  const focusLink = (link: HTMLAnchorElement | undefined) => {
    if (link === undefined) return;
    select(link);
    link.focus({ preventScroll: true });
    link.scrollIntoView({ block: 'nearest' });
  };
  const grid = (entries: readonly Entry[], label: string) =>
    h('ul', { class: 'rows', ariaLabel: label }, ...entries.map((entry) => tiles.get(entry.key)!.cell));

  root.addEventListener('keydown', (event) => {
    const link = (event.target as Element).closest<HTMLAnchorElement>('a.tile');
    if (link === null || event.altKey || event.ctrlKey || event.metaKey) return;
    const next = neighbour(links(), link, event.key);
    if (next === undefined) return;
    event.preventDefault();
    if (next === 'above') options.onLeave();
    else focusLink(next);
  });
  root.addEventListener('focusin', (event) => {
    const link = (event.target as Element).closest<HTMLAnchorElement>('a.tile');
    if (link !== null) select(link);
  });

  const more = button('Show more', { class: 'more', onClick: options.onMore });
  // What lies below the line is nobody's wish until it is asked for; what matches comes by itself.
  const nearEnd = new IntersectionObserver(
    (changes) => {
      // a busy page reports several changes at once: the last one is how it is now
      if (changes.at(-1)?.isIntersecting && root.dataset.continues === 'true') options.onMore();
    },
    { rootMargin: '800px' },
  );

  return {
    show: ({ entries, hasMore, line }) => {
      const focusedKey = (document.activeElement as HTMLElement | null)?.dataset?.key;
      tiles = reuseTiles(tiles, entries, options);
      const [matching, below] = divide(entries, line);
      ordered = [...matching, ...below];
      root.replaceChildren(
        ...present([
          line !== undefined && matching.length === 0 && nothingMatches(line),
          matching.length > 0 && grid(matching, line === undefined ? 'The collection' : 'What matches'),
          below.length > 0 && matching.length > 0 && dividingLine(below.length, hasMore),
          below.length > 0 && grid(below, 'Nearest below the line'),
          hasMore && more,
        ]),
      );
      root.dataset.continues = String(below.length === 0);
      nearEnd.disconnect();
      if (hasMore) nearEnd.observe(more); // reports at once, so a page that does not fill the window is followed by the next
      const all = links();
      const focused = all.find((link) => link.dataset.key === focusedKey);
      if (focusedKey !== undefined && focused !== undefined) focusLink(focused);
      else select(all[0]);
    },
    showMessage: (...children) => {
      tiles = new Map();
      ordered = [];
      root.replaceChildren(h('div', { class: 'message' }, ...children));
    },
    setBusy: (busy) => root.setAttribute('aria-busy', String(busy)),
    focusFirst: () => focusLink(links()[0]),
    focus: (key) => focusLink(links().find((link) => link.dataset.key === key)),
    entries: () => ordered,
  };
}

/** Tiles that stay keep their elements, so that their pictures neither load nor fade in again. */
function reuseTiles(
  before: ReadonlyMap<string, { cell: HTMLLIElement; drawnFrom: string }>,
  entries: readonly Entry[],
  context: TileContext,
): Map<string, { cell: HTMLLIElement; drawnFrom: string }> {
  return new Map(
    entries.map((entry) => {
      const drawnFrom = JSON.stringify([spokenName(entry), isResult(entry) && [entry.snippet, entry.part]]);
      const kept = before.get(entry.key);
      if (kept?.drawnFrom === drawnFrom) {
        kept.cell.querySelector('a')!.href = context.address(entry);
        return [entry.key, kept];
      }
      return [entry.key, { cell: createTile(entry, context), drawnFrom }];
    }),
  );
}

function divide(entries: readonly Entry[], line: number | undefined): [readonly Entry[], readonly Entry[]] {
  if (line === undefined) return [entries, []];
  const matches = (entry: Entry) => !isResult(entry) || isMatch(entry, line);
  return [entries.filter(matches), entries.filter((entry) => !matches(entry))];
}

function dividingLine(count: number, hasMore: boolean): HTMLElement {
  return h('p', { class: 'line' }, h('span', {}, `${count}${hasMore ? ' or more' : ' more'} just below`));
}

function nothingMatches(line: number): HTMLElement {
  return h(
    'div',
    { class: 'nothing' },
    h('h2', {}, 'Nothing matches'),
    h('p', {}, `Nothing reaches ${percent(line)}. These come nearest.`),
  );
}

/** The tile that an arrow key leads to; 'above' from the first row upwards. */
function neighbour(
  all: readonly HTMLAnchorElement[],
  from: HTMLAnchorElement,
  key: string,
): HTMLAnchorElement | 'above' | undefined {
  const index = all.indexOf(from);
  switch (key) {
    case 'ArrowRight':
      return all[index + 1];
    case 'ArrowLeft':
      return all[index - 1] ?? 'above';
    case 'Home':
      return all[0];
    case 'End':
      return all.at(-1);
    case 'ArrowDown':
      return nearestInRow(all.slice(index + 1), from, 1);
    case 'ArrowUp':
      return nearestInRow(all.slice(0, index).reverse(), from, -1) ?? 'above';
    default:
      return undefined;
  }
}

/** Of the next row in a direction, the tile whose middle is nearest. `candidates` come nearest row first. */
function nearestInRow(
  candidates: readonly HTMLAnchorElement[],
  from: HTMLAnchorElement,
  direction: 1 | -1,
): HTMLAnchorElement | undefined {
  const start = from.getBoundingClientRect();
  const middle = start.left + start.width / 2;
  let rowTop: number | undefined;
  let best: { readonly link: HTMLAnchorElement; readonly distance: number } | undefined;
  for (const link of candidates) {
    const box = link.getBoundingClientRect();
    if ((box.top - start.top) * direction < 2) continue;
    rowTop ??= box.top;
    if (Math.abs(box.top - rowTop) > 2) break;
    const distance = Math.abs(box.left + box.width / 2 - middle);
    if (best === undefined || distance < best.distance) best = { link, distance };
  }
  return best?.link;
}
