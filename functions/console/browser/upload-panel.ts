/** Shows uploads in a corner: the whole, what is moving, what failed and why. Thousands of files stay a handful of rows. */

import { fileName, fileSize, plural } from './describe.ts';
import { button, h, icon, present } from './element.ts';
import type { Upload, Uploads } from './uploads.ts';

const ROWS_SHOWN = 6;
/** Which rows come first. */
const ORDER: readonly Upload['state'][] = ['failed', 'unreadable', 'taken', 'sending', 'done', 'waiting', 'skipped'];

export interface UploadPanel {
  readonly draw: () => void;
}

export function createUploadPanel(uploads: () => Uploads): UploadPanel {
  const root = h('section', { class: 'uploads', hidden: true, ariaLabel: 'Uploads' });
  document.body.append(root);
  let scheduled = false;

  const redraw = () => {
    scheduled = false;
    const all = uploads().all();
    root.hidden = all.length === 0;
    const focused = (document.activeElement as HTMLElement | null)?.dataset?.action;
    root.replaceChildren(...present([head(all, uploads()), decisions(all, uploads()), rows(all)]));
    if (focused !== undefined) root.querySelector<HTMLElement>(`[data-action="${focused}"]`)?.focus();
  };
  return {
    draw: () => {
      if (scheduled) return;
      scheduled = true;
      requestAnimationFrame(redraw);
    },
  };
}

function head(all: readonly Upload[], uploads: Uploads): HTMLElement {
  const count = (state: Upload['state']) => all.filter((upload) => upload.state === state).length;
  const busy = count('waiting') + count('sending') > 0;
  const failed = count('failed');
  const unreadable = count('unreadable');
  const arrived = count('done') + unreadable;
  const total = all.reduce((sum, { file }) => sum + file.size, 0);
  const sent = all.reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  const title = busy
    ? `Uploading ${arrived} of ${plural(all.length, 'file')}`
    : `${plural(arrived, 'file')} uploaded${failed > 0 ? `, ${failed} failed` : ''}${unreadable > 0 ? `, ${unreadable} cannot be read` : ''}`;
  return h(
    'header',
    {},
    h('strong', { attributes: { role: 'status' } }, title),
    h('span', { class: 'quiet' }, busy ? `${fileSize(sent)} of ${fileSize(total)}` : ''),
    failed > 0 && !busy && button('Try again', { attributes: { 'data-action': 'retry' }, onClick: uploads.retry }),
    !busy &&
      button('Close', { icon: 'close', bare: true, attributes: { 'data-action': 'close' }, onClick: uploads.clear }),
    progress(total === 0 ? 1 : sent / total, 'All uploads'),
  );
}

function decisions(all: readonly Upload[], uploads: Uploads): HTMLElement | undefined {
  const taken = all.filter(({ state }) => state === 'taken').length;
  if (taken === 0) return undefined;
  const decide = (label: string, decision: 'replace' | 'rename' | 'skip') =>
    button(label, { attributes: { 'data-action': decision }, onClick: () => uploads.decide(decision) });
  return h(
    'div',
    { class: 'decision' },
    h(
      'p',
      {},
      taken === 1 ? 'One name is already in the collection.' : `${taken} names are already in the collection.`,
    ),
    h('div', { class: 'actions' }, decide('Keep both', 'rename'), decide('Replace', 'replace'), decide('Skip', 'skip')),
  );
}

function rows(all: readonly Upload[]): HTMLElement {
  const ordered = all.toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
  const rest = ordered.length - ROWS_SHOWN;
  return h(
    'ul',
    {},
    ...ordered
      .slice(0, ROWS_SHOWN)
      .map((upload) =>
        h(
          'li',
          { class: upload.state },
          icon(upload.failure !== undefined ? 'warning' : upload.state === 'done' ? 'check' : 'add'),
          h('span', { class: 'name', title: upload.key }, fileName(upload.key)),
          h('span', { class: 'quiet' }, upload.failure ?? fileSize(upload.file.size)),
          upload.state === 'sending' &&
            progress(upload.file.size === 0 ? 1 : upload.sentBytes / upload.file.size, upload.key),
        ),
      ),
    rest > 0 && h('li', { class: 'quiet' }, `and ${rest} more`),
  );
}

function progress(fraction: number, label: string): HTMLElement {
  return h('progress', { value: Math.min(1, fraction), attributes: { max: 1, 'aria-label': label } });
}
