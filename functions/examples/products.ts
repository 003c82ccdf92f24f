/** Products: a picture and a title, seven label sets. Fusion against each kind of content, sharing against separate heads. */

import type { Example } from './example.ts';
import { accuracyRow, missingTable, tableHead } from './report.ts';

const TASKS = ['gender', 'masterCategory', 'subCategory', 'articleType', 'baseColour', 'season', 'usage'] as const;
const FUSED = ['articleType', 'baseColour'];
/** A rarer class has too few rows to be learned and measured. */
const ROWS_A_CLASS = 12;
/** Smaller and quicker than the default: all of it takes some minutes on two cores. */
const RECIPE = { hiddenUnits: 512, learningRate: 5e-4, batchSize: 64, epochs: 24, patience: 8, folds: 3, seed: 1 };

type ProductRow = Readonly<Record<string, string>>;

export const products: Example = {
  expects: 'items.jsonl {image, title, gender, masterCategory, subCategory, articleType, baseColour, season, usage}',
  run: async (bench, print) => {
    const items = await bench.readRows('items.jsonl');
    const rows = toRows(items, TASKS);
    print(`${rows.length} products, cross-validated in ${RECIPE.folds} folds, accuracy in %\n`);

    print(tableHead(['fusion', ...FUSED]));
    const fused = toRows(items, FUSED);
    for (const inputs of [['image'], ['text']]) {
      print(accuracyRow(`${inputs[0]} alone`, await bench.train(fused, { ...RECIPE, inputs })));
    }
    const cards = [];
    for (const fusion of ['feature', 'decision', 'attention']) {
      cards.push(await bench.train(fused, { ...RECIPE, fusion }));
      print(accuracyRow(fusion, cards.at(-1)!));
    }
    print(`\nOne classifier (feature) with what is shown of the test rows\n\n${missingTable(cards[0]!)}\n`);

    print(tableHead(['sharing', ...TASKS, 'mean']));
    for (const sharing of ['separate', 'hard', 'soft', 'hierarchical']) {
      const card = await bench.train(rows, { ...RECIPE, sharing });
      const values = Object.values(card.metrics).map(({ accuracy }) => accuracy.value);
      const mean = (100 * values.reduce((sum, value) => sum + value, 0)) / values.length;
      print(`${accuracyRow(sharing, card)} ${mean.toFixed(2)} |`);
    }
  },
};

/** Rows of the data set, with labels of the given sets whose classes are frequent enough. */
function toRows(items: readonly ProductRow[], tasks: readonly string[]) {
  const counts = new Map<string, number>();
  const name = (item: ProductRow, task: string) => `${task}/${item[task]}`;
  for (const item of items)
    for (const task of tasks) counts.set(name(item, task), (counts.get(name(item, task)) ?? 0) + 1);
  return items.flatMap((item) => {
    const known = tasks.filter((task) => item[task] && counts.get(name(item, task))! >= ROWS_A_CLASS);
    if (known.length === 0) return [];
    const labels = Object.fromEntries(known.map((task) => [task, item[task]]));
    return [{ inputs: { image: item.image, text: item.title }, labels }];
  });
}
