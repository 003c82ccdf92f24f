/** Puts the console together: one view, kept in the address, from which every part of the page is drawn. */

import { createApi, explain, isStarting, type Stats } from './api.ts';
import { createAskPanel } from './ask-panel.ts';
import { addBoxTools } from './box-tools.ts';
import { isResult, plural } from './describe.ts';
import { announce, askForApiKey, createHelp, notify } from './dialogs.ts';
import { createDropZones } from './drop-zones.ts';
import { type PathedFile, pickFiles } from './dropped-files.ts';
import { button, h, icon, place } from './element.ts';
import { emptyState } from './empty-states.ts';
import { createFeed, type FeedPage } from './feed.ts';
import { createFilterBar } from './filters.ts';
import { createItemDialog } from './item-dialog.ts';
import { createMedia } from './media.ts';
import { termOfFile } from './query-media.ts';
import { createResults, isMatch } from './results.ts';
import { createSearchBox } from './search-box.ts';
import { createSoundPlayer } from './sound.ts';
import { createStatus } from './status.ts';
import { createTeach } from './teach.ts';
import type { TileContext } from './tile.ts';
import { createUploadPanel } from './upload-panel.ts';
import { createUploads } from './uploads.ts';
import { EMPTY_VIEW, isQuestion, isSearch, parseView, sameQuery, type Term, type View, viewAddress } from './view.ts';

/** Long enough to skip the letters in the middle of a word, short enough to feel immediate. */
const TYPING_PAUSE_MS = 120;
/** A shorter wait than this is not worth a sign. */
const BUSY_AFTER_MS = 150;

const api = createApi(askForApiKey);
const media = createMedia(api);
const player = createSoundPlayer(media);
const feed = createFeed(api);
const openHelp = createHelp();
const teach = createTeach(api);
let view = EMPTY_VIEW;
let stats: Stats | undefined;
let shown: FeedPage | undefined;
/** Questions and what they are about: the rest of their words only misleads a search. */
const subjects = new Map<string, string>();
/** The last search failed: whatever is shown says so. */
let failed = false;

const tiles: TileContext = {
  media,
  player,
  address: ({ key }) => viewAddress({ ...view, item: key }),
  onOpen: (entry) => {
    player.stop();
    if (view.item === undefined && teach.takes(entry)) return;
    const { key } = entry;
    // Moving on inside an open item replaces it, so that one step back closes.
    go({ ...view, item: key }, view.item === undefined ? 'push' : 'replace');
  },
};
const results = createResults(place('results'), {
  ...tiles,
  onMore: () => void showMore(),
  onLeave: () => box.focus(),
});
const box = createSearchBox({
  media,
  onChange: (words, terms, typing) =>
    go({ ...view, words, terms }, typing ? 'replace' : 'push', typing ? TYPING_PAUSE_MS : 0),
  onFiles: (files) => void searchWith(files),
  onDown: () => results.focusFirst(),
  onAsk: () => askPanel.show(view),
});
const askPanel = createAskPanel(api, tiles, (question, query) => {
  if (query === '' || subjects.get(question) === query) return;
  subjects.set(question, query);
  void search(0);
});
const filterBar = createFilterBar(place('filters'), (changed) => {
  const { modality: _modality, ...rest } = view;
  go({ ...rest, ...changed }, 'push');
});
const itemDialog = createItemDialog({
  ...tiles,
  api,
  found: (key) => shown?.entries.find((entry) => entry.key === key),
  neighbours: (key) => {
    const entries = results.entries();
    const index = entries.findIndex((entry) => entry.key === key);
    if (index === -1) return {};
    const [previous, next] = [entries[index - 1], entries[index + 1]];
    return { ...(previous && { previous }), ...(next && { next }) };
  },
  onClose: closeItem,
  onMoreLikeThis: (key) => go({ ...EMPTY_VIEW, line: view.line, terms: [{ kind: 'item', key, weight: 1 }] }, 'push'),
  onRemoved: (key) => {
    closeItem();
    draw(feed.forget(key));
    notify('Deleted.');
    status.refresh();
  },
});
const uploads = createUploads(api, { onChange: () => uploadPanel.draw(), onStored: () => status.refresh() });
const uploadPanel = createUploadPanel(() => uploads);
const status = createStatus({ api, onStats: takeStats, onOpenItem: (key) => go({ ...view, item: key }, 'push') });

/** The one way in which the view changes by what a person does. */
function go(next: View, history: 'push' | 'replace', delayMs = 0): void {
  remember(next, history);
  apply(next, delayMs);
}

/** Puts the view into the address, and what has no spelling there into the tab's history. */
function remember(next: View, history: 'push' | 'replace'): void {
  const ours = history === 'push' || window.history.state?.ours === true;
  const terms = next.terms.some(({ kind }) => kind === 'media') ? next.terms : [];
  const save = (state: object) => {
    if (history === 'push') window.history.pushState(state, '', viewAddress(next));
    else window.history.replaceState(state, '', viewAddress(next));
  };
  try {
    save({ ours, terms });
  } catch {
    save({ ours }); // the browser keeps no sound of that size: it is forgotten by a reload
  }
}

function apply(next: View, delayMs = 0): void {
  const before = view;
  view = next;
  box.show(view.words, view.terms);
  filterBar.show(view);
  askPanel.show(view, delayMs);
  document.title = titleOf(view);
  if (shown === undefined || !sameQuery(before, view)) void search(delayMs);
  else if (before.line !== view.line) draw(shown);
  itemDialog.show(view.item);
  if (before.item !== undefined && view.item === undefined) results.focus(before.item);
}

function closeItem(): void {
  const { item: _item, ...rest } = view;
  if (window.history.state?.ours === true) window.history.back();
  else go(rest, 'replace');
}

function asSearched(of: View): View {
  return { ...of, words: (isQuestion(of) && subjects.get(of.words.trim())) || of.words };
}

async function search(delayMs: number): Promise<void> {
  const busy = window.setTimeout(() => results.setBusy(true), delayMs + BUSY_AFTER_MS);
  try {
    const page = await feed.first(asSearched(view), delayMs);
    if (page === undefined) return;
    failed = false;
    draw(page);
    window.scrollTo({ top: 0 });
    announce(summary(page));
  } catch (error) {
    shown = undefined;
    failed = true;
    const heading = isStarting(error) ? 'Just a moment' : 'This search did not work';
    results.showMessage(!isStarting(error) && icon('warning'), h('h2', {}, heading), h('p', {}, explain(error)));
  } finally {
    window.clearTimeout(busy);
    results.setBusy(false);
  }
}

async function showMore(): Promise<void> {
  try {
    const page = await feed.more();
    if (page === undefined) return;
    draw(page);
    announce(summary(page));
  } catch (error) {
    notify(explain(error));
  }
}

function draw(page: FeedPage): void {
  shown = page;
  filterBar.learnFrom(page.entries);
  if (page.entries.length === 0) showEmpty();
  else results.show({ ...page, ...(isSearch(view) && { line: view.line }) });
}

function summary({ entries, hasMore }: FeedPage): string {
  if (!isSearch(view)) return `${plural(entries.length, 'item')} shown`;
  const matching = entries.filter((entry) => isResult(entry) && isMatch(entry, view.line)).length;
  if (matching === 0)
    return entries.length === 0 ? 'Nothing found' : `Nothing matches; the nearest ${entries.length} are shown`;
  const below = entries.length - matching;
  return `${plural(matching, 'match', 'matches')}${below > 0 ? `, ${below}${hasMore ? ' or more' : ''} just below` : ''}`;
}

function showEmpty(): void {
  results.showMessage(
    ...emptyState(view, stats, {
      onChooseFiles: () => pickFiles({}, startUploads),
      onChooseFolder: () => pickFiles({ folder: true }, startUploads),
    }),
  );
}

/** Draws the collection anew when it has changed and nobody is in the middle of something. */
function takeStats(now: Stats, before: Stats | undefined): void {
  stats = now;
  uploads.check().catch(() => {}); // the next answer asks again
  if (failed) {
    void search(0); // the server answers again
    return;
  }
  const changed =
    before === undefined || before.items.indexed !== now.items.indexed || before.items.pending !== now.items.pending;
  if (!changed) return;
  const nothingYet = shown !== undefined && shown.entries.length === 0;
  const browsingTop = !isSearch(view) && window.scrollY < 100;
  if (nothingYet && now.items.indexed === 0) showEmpty();
  else if (before !== undefined && view.item === undefined && (nothingYet || browsingTop)) void refresh();
}

async function refresh(): Promise<void> {
  const page = await feed.first(asSearched(view)).catch(() => undefined); // the next change of the numbers tries again
  if (page !== undefined && view.item === undefined) draw(page);
}

function addTerm(...added: readonly Term[]): void {
  go({ ...view, terms: [...view.terms, ...added] }, 'push');
  box.focus();
}

async function searchWith(files: readonly File[]): Promise<void> {
  try {
    addTerm(...(await Promise.all(files.map(termOfFile))));
  } catch (error) {
    notify(explain(error));
  }
}

function startUploads(files: readonly PathedFile[]): void {
  if (files.length === 0) notify('There is no file in there.');
  else uploads.add(files);
}

function titleOf({ words, terms }: View): string {
  const texts = [...terms.map((term: Term) => (term.kind === 'text' ? term.text : '…')), words.trim()].filter(Boolean);
  return texts.length > 0 ? `${texts.join(', ')} – Chiasm` : 'Chiasm';
}

function listenToKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]') !== null) return;
    const typing = (event.target as Element).closest('input, textarea, select') !== null;
    if (event.key === 'Escape' && !typing) box.focus();
    if (typing || (event.key !== '/' && event.key !== '?')) return;
    event.preventDefault();
    if (event.key === '/') box.focus();
    else openHelp();
  });
  document.addEventListener('paste', (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0 && !event.defaultPrevented) void searchWith(files);
  });
}

addBoxTools({ onFiles: (files) => void searchWith(files), onTerm: (term) => addTerm(term) });
place('top-tools').prepend(
  button('Add', {
    icon: 'add',
    class: 'add',
    attributes: { 'aria-label': 'Add files to the collection' },
    onClick: () => pickFiles({}, startUploads),
  }),
);
place('top-tools').append(button('Teach', { icon: 'teach', bare: true, onClick: teach.toggle }));
place('top-tools').append(button('Help', { icon: 'help', bare: true, class: 'help-button', onClick: openHelp }));
listenToKeys();
createDropZones({
  onSearchFiles: (files) => void searchWith(files),
  onSearchItem: (key) => addTerm({ kind: 'item', key, weight: 1 }),
  onUpload: startUploads,
  onError: (error) => notify(explain(error)),
});
window.addEventListener('popstate', ({ state }) => apply(parseView(location.search, state?.terms)));
const typedEarly = place<HTMLInputElement>('words').value; // before this script ran
const initial = parseView(location.search, window.history.state?.terms);
apply(typedEarly === '' ? initial : { ...initial, words: typedEarly });
if (matchMedia('(hover: hover)').matches && view.item === undefined) place('words').focus();
