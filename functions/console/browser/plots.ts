/** Small drawings of a training: its losses, and what was taken for what. */

import { percent } from './describe.ts';
import { h, svg } from './element.ts';

type Losses = Readonly<Record<string, number>>;

const WIDTH = 300;
const HEIGHT = 90;

/** Losses of the network being trained, on its rows and on rows that it was not shown, from left to right. */
export function lossCurve(points: readonly Losses[]): HTMLElement {
  const fold = points.at(-1)?.fold; // of a cross-validation the newest one
  const own = points.filter((values) => values.loss !== undefined && values.fold === fold);
  const highest = Math.max(...own.flatMap(({ loss, validationLoss = 0 }) => [loss!, validationLoss]), 1e-6);
  const line = (name: 'loss' | 'validationLoss') => {
    const places = own.flatMap((values, i) => {
      const value = values[name];
      if (value === undefined) return [];
      return [
        `${((i / Math.max(1, own.length - 1)) * WIDTH).toFixed(1)} ${(HEIGHT * (1 - value / highest)).toFixed(1)}`,
      ];
    });
    return svg('path', { class: name, d: places.length > 0 ? `M${places.join('L')}` : '' });
  };
  const last = own.at(-1);
  return h(
    'figure',
    { class: 'loss-curve' },
    svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, [
      line('loss'),
      line('validationLoss'),
    ]),
    h('figcaption', { class: 'quiet' }, last === undefined ? 'Reading the examples' : `Loss ${last.loss!.toFixed(3)}`),
  );
}

/** Rows are the true classes; the darker, the larger the share of the row. */
export function confusionTable(classes: readonly string[], counts: readonly (readonly number[])[]): HTMLElement {
  const cell = (row: readonly number[], count: number, j: number, i: number) => {
    const share =
      count /
      Math.max(
        1,
        row.reduce((sum, each) => sum + each, 0),
      );
    return h(
      'td',
      {
        class: i === j ? 'right' : '',
        style: { '--share': share.toFixed(3) },
        title: `${classes[i]} taken for ${classes[j]}: ${percent(share)}`,
      },
      String(count),
    );
  };
  return h(
    'table',
    { class: 'confusion' },
    h('caption', { class: 'quiet' }, 'Rows: what it is. Columns: what it was taken for.'),
    h('tr', {}, h('td'), ...classes.map((name) => h('th', { attributes: { scope: 'col' } }, name))),
    ...counts.map((row, i) =>
      h(
        'tr',
        {},
        h('th', { attributes: { scope: 'row' } }, classes[i]),
        ...row.map((count, j) => cell(row, count, j, i)),
      ),
    ),
  );
}
