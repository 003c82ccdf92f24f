/** How the index is doing: a line in the header while there is work, and a dialog with numbers, failures and the model. */

import { type Api, explain, type Item, isStarting, type Model, type Stats } from './api.ts';
import { MODALITY_NAMES, percent, plural, timeLeft } from './describe.ts';
import { button, h, icon, place } from './element.ts';
import { createSpacePanel } from './space-panel.ts';

export interface Status {
  /** Asks the server soon, for whoever has just changed something; many calls are one question. */
  readonly refresh: () => void;
}

export interface StatusOptions {
  readonly api: Api;
  /** After each answer; `before` is undefined the first time. */
  readonly onStats: (stats: Stats, before: Stats | undefined) => void;
  readonly onOpenItem: (key: string) => void;
}

const BUSY_INTERVAL_MS = 1_000;
const IDLE_INTERVAL_MS = 10_000;
const SOON_MS = 300;
const FAILURES_SHOWN = 50;

export function createStatus(options: StatusOptions): Status {
  const { api } = options;
  const label = h('span', {}, '…');
  const opener = h(
    'button',
    {
      type: 'button',
      class: 'button quiet-button status-button',
      attributes: { 'aria-haspopup': 'dialog' },
      on: { click: () => open() },
    },
    h('span', { class: 'dot', ariaHidden: 'true' }),
    label,
  );
  place('top-tools').append(opener);
  const progress = place('progress');
  const dialog = h('dialog', { class: 'sheet', ariaLabel: 'Status of the index' });
  dialog.addEventListener('click', ({ target }) => target === dialog && dialog.close());
  document.body.append(dialog);

  let stats: Stats | undefined;
  let timer: number | undefined;
  let failuresDrawn = -1;
  let wasBuilding = false;
  const spaces = createSpacePanel(api, () => void ask());
  const models = h('div', { class: 'models' });

  async function ask(): Promise<void> {
    window.clearTimeout(timer);
    let pause = IDLE_INTERVAL_MS;
    try {
      const before = stats;
      stats = await api.stats();
      draw(stats);
      options.onStats(stats, before);
      if (stats.items.pending > 0 || stats.building !== undefined) pause = BUSY_INTERVAL_MS;
    } catch (error) {
      opener.dataset.state = isStarting(error) ? 'busy' : 'down';
      label.textContent = isStarting(error) ? 'Starting' : 'No connection';
      opener.title = explain(error);
      pause = isStarting(error) ? BUSY_INTERVAL_MS : BUSY_INTERVAL_MS * 3;
    }
    window.clearTimeout(timer);
    timer = window.setTimeout(() => void ask(), pause);
  }

  function draw(now: Stats): void {
    const { pending, indexed, failed } = now.items;
    const all = pending + indexed + failed;
    opener.title = 'Status of the index';
    const busy = pending > 0 || now.building !== undefined;
    opener.dataset.state = now.index.degraded !== undefined ? 'warning' : busy ? 'busy' : 'idle';
    label.textContent = busy ? remaining(now) : plural(indexed, 'item');
    progress.hidden = pending === 0;
    progress.style.setProperty('--done', all === 0 ? '0' : ((indexed + failed) / all).toFixed(4));
    if (dialog.open) drawNumbers(now);
  }

  function drawNumbers(now: Stats): void {
    dialog.querySelector('.numbers')?.replaceWith(numbers(now));
    if (now.building !== undefined || wasBuilding) void spaces.refresh();
    if (wasBuilding && now.building === undefined) void drawModels(); // another one answers now
    wasBuilding = now.building !== undefined;
    if (failuresDrawn !== now.items.failed) void drawFailures(now.items.failed);
  }

  async function drawFailures(count: number): Promise<void> {
    failuresDrawn = count;
    const section = dialog.querySelector('.failures')!;
    if (count === 0) return section.replaceChildren();
    try {
      const { items } = await api.items({ status: 'failed', limit: String(FAILURES_SHOWN) });
      section.replaceChildren(
        h('h3', {}, `Could not be indexed: ${count.toLocaleString()}`),
        h('ul', {}, ...items.map(failureRow)),
        button('Try again', { class: 'button', onClick: () => void retry() }),
        count > items.length ? h('p', { class: 'quiet' }, `and ${plural(count - items.length, 'more', 'more')}`) : '',
      );
    } catch (error) {
      section.replaceChildren(h('p', { class: 'failure' }, icon('warning'), explain(error)));
    }
  }

  async function retry(): Promise<void> {
    const section = dialog.querySelector('.failures')!;
    try {
      const { queued } = await api.retry();
      section.replaceChildren(h('p', { class: 'quiet' }, `Trying ${plural(queued, 'file')} again…`));
      failuresDrawn = -1; // drawn anew with the next numbers, also when as many have failed again
      void ask();
    } catch (error) {
      section.append(h('p', { class: 'failure' }, icon('warning'), explain(error)));
    }
  }

  const failureRow = (item: Item) =>
    h(
      'li',
      {},
      button(item.key, {
        class: 'link',
        onClick: () => {
          dialog.close();
          options.onOpenItem(item.key);
        },
      }),
      h('span', { class: 'quiet' }, item.failure?.message ?? 'for no known reason'),
    );

  function open(): void {
    failuresDrawn = -1;
    dialog.replaceChildren(
      h(
        'header',
        {},
        h('h2', {}, 'Index'),
        button('Close', { icon: 'close', bare: true, onClick: () => dialog.close() }),
      ),
      h('div', { class: 'numbers' }),
      spaces.element,
      h('section', { class: 'failures' }),
      models,
    );
    dialog.showModal();
    if (stats !== undefined) drawNumbers(stats);
    void ask();
    void spaces.refresh();
    void drawModels();
  }

  async function drawModels(): Promise<void> {
    try {
      const answer = await api.models();
      models.replaceChildren(...answer.models.filter(({ active }) => active).map(modelCard));
    } catch (error) {
      models.replaceChildren(h('p', { class: 'failure' }, icon('warning'), explain(error)));
    }
  }

  document.addEventListener('visibilitychange', () => {
    window.clearTimeout(timer);
    if (!document.hidden) void ask(); // nobody looks: nothing is asked
  });
  void ask();
  let soon: number | undefined;
  return {
    refresh: () => {
      if (soon !== undefined) return;
      soon = window.setTimeout(() => {
        soon = undefined;
        void ask();
      }, SOON_MS);
    },
  };
}

/** `Indexing 1,200 · 14 s left`, `New index 42 % · 3 min left` */
function remaining({ items, queue, building }: Stats): string {
  if (items.pending === 0 && building !== undefined) {
    const share = `New index ${percent(building.progress)}`;
    return building.secondsLeft === undefined ? share : `${share} · ${timeLeft(building.secondsLeft)}`;
  }
  const count = `Indexing ${items.pending.toLocaleString()}`;
  return queue.secondsLeft === undefined ? count : `${count} · ${timeLeft(queue.secondsLeft)}`;
}

/** `84 items a second, 14 s left` */
function pace({ queue }: Stats): string {
  const { itemsPerSecond, secondsLeft } = queue;
  if (itemsPerSecond === undefined) return 'just begun';
  const items = `${rate(itemsPerSecond)} items a second`;
  return secondsLeft === undefined ? items : `${items}, ${timeLeft(secondsLeft)}`;
}

function rate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString();
}

function numbers(stats: Stats): HTMLElement {
  const { items, modalities, index, queue } = stats;
  const big = (count: number, name: string, state = '') =>
    h('div', { class: `big ${state}` }, h('strong', {}, count.toLocaleString()), h('span', {}, name));
  const facts: [string, string][] = [
    ...Object.entries(MODALITY_NAMES).map(([modality, { many }]): [string, string] => [
      many,
      (modalities[modality]?.indexed ?? 0).toLocaleString(),
    ]),
    ['Generation', String(index.generation)],
    [
      'Parts',
      `${index.parts.toLocaleString()}${index.fresh > 0 ? `, ${index.fresh.toLocaleString()} of them fresh` : ''}`,
    ],
  ];
  if (items.pending > 0) facts.unshift(['Pace', pace(stats)]);
  if (queue.dead > 0) facts.push(['Given up on', plural(queue.dead, 'message')]);
  return h(
    'div',
    { class: 'numbers' },
    index.degraded !== undefined && h('p', { class: 'failure' }, icon('warning'), index.degraded),
    h(
      'div',
      { class: 'bigs' },
      big(items.indexed, 'searchable'),
      big(items.pending, 'waiting'),
      big(items.failed, 'failed', items.failed > 0 ? 'bad' : ''),
    ),
    h('dl', { class: 'facts' }, ...facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])),
  );
}

function modelCard({ name, description, modalities, space, licence }: Model): HTMLElement {
  return h(
    'section',
    {},
    h('h3', {}, 'Model'),
    h('p', {}, h('strong', {}, name)),
    description !== undefined && h('p', {}, description),
    h(
      'p',
      { class: 'quiet' },
      [modalities.join(', '), `${space.dimensions} dimensions`, licence].filter(Boolean).join(' · '),
    ),
  );
}
