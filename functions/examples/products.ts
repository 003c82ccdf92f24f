/** Products: a picture and a title, seven label sets. Fusion against each kind of content, sharing against separate heads. */

import type { HeldOutMetrics } from '#shared/classify/held-out.ts';
import { createRandom } from '#shared/core/random.ts';
import type { Workbench } from './compose.ts';
import type { Example } from './example.ts';
import { type Answers, pairedDifference } from './paired-difference.ts';
import { missingTable, tableHead, tableRow, withInterval } from './report.ts';

const TASKS = ['gender', 'masterCategory', 'subCategory', 'articleType', 'baseColour', 'season', 'usage'] as const;
const FUSED = ['articleType', 'baseColour'] as const;
/** A class with fewer training rows is left out. */
const ROWS_A_CLASS = 8;
/** All other rows measure: the more, the smaller the differences that can be seen. Recipes were chosen without them. */
const TRAINING_ROWS = 1_500;
const SEEDS = [1, 2, 3];
/** Smaller and quicker than the default: all of it takes some minutes on two cores. */
const RECIPE = { hiddenUnits: 256, learningRate: 1e-3, batchSize: 64, epochs: 40, patience: 12, folds: 0 };

/** Of a layer that seven label sets have in common, beside 256 that each has for itself. */
const SHARED_UNITS = 1_024;

type ProductRow = Readonly<Record<string, string>>;

export const products: Example = {
  expects: 'items.jsonl {image, title, gender, masterCategory, subCategory, articleType, baseColour, season, usage}',
  run: async (bench, print) => {
    const items = await bench.readRows('items.jsonl');
    const train = trainerOf(bench);
    const fused = toRows(items, FUSED);
    const tested = fused.filter(({ split }) => split === 'test').length;
    print(`${fused.length - tested} products to train on, ${tested} measured; accuracy in %, ${SEEDS.length} seeds\n`);

    const alone = new Map<string, Answers>();
    for (const input of ['image', 'text']) alone.set(input, await train(fused, { inputs: [input] }));
    const more = FUSED.map((task) => `${task}, more than alone`);
    print(tableHead(['', ...FUSED, ...more]));
    for (const [input, answers] of alone)
      print(tableRow([`${input} alone`, ...FUSED.map(accuracyIn(answers)), '', '']));
    const best = FUSED.map((task) => [...alone.values()].sort((a, b) => accuracy(b, task) - accuracy(a, task))[0]!);
    const missing: string[] = [];
    for (const fusion of ['feature', 'decision', 'attention']) {
      const answers = await train(fused, { fusion });
      const gains = FUSED.map((task, t) => withInterval(pairedDifference(answers, best[t]!, [task])));
      print(tableRow([fusion, ...FUSED.map(accuracyIn(answers)), ...gains]));
      missing.push(`${fusion}, with what is shown of the test rows, one seed\n\n${missingTable(answers[0]!)}`);
    }
    print(`\n${missing.join('\n\n')}\n`);

    const rows = toRows(items, TASKS);
    print(tableHead(['sharing', ...TASKS, 'mean', 'more than separate']));
    let separate: Answers | undefined;
    for (const sharing of ['separate', 'hard', 'soft', 'hierarchical']) {
      const common = sharing === 'hard' || sharing === 'hierarchical';
      const answers = await train(rows, { sharing, ...(common && { hiddenUnits: SHARED_UNITS }) });
      separate ??= answers;
      const mean = TASKS.reduce((sum, task) => sum + accuracy(answers, task), 0) / TASKS.length;
      const gain = answers === separate ? '' : withInterval(pairedDifference(answers, separate, TASKS));
      print(tableRow([sharing, ...TASKS.map(accuracyIn(answers)), (100 * mean).toFixed(2), gain]));
    }
  },
};

const trainerOf = (bench: Workbench) => async (rows: readonly object[], recipe: object) => {
  const measured: HeldOutMetrics[] = [];
  for (const seed of SEEDS) measured.push(await bench.train(rows, { ...RECIPE, ...recipe, seed }));
  return measured;
};

const accuracy = (answers: Answers, task: string): number => {
  const shares = answers.map(({ right }) => [...right[task]!.values()].filter(Boolean).length / right[task]!.size);
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
};
const accuracyIn = (answers: Answers) => (task: string) => (100 * accuracy(answers, task)).toFixed(1);

/** Rows of the data set, with labels of the given sets whose classes are frequent enough. */
function toRows(items: readonly ProductRow[], tasks: readonly string[]) {
  const order = createRandom(2026).permutation(items.length);
  const training = new Set(order.subarray(0, Math.min(TRAINING_ROWS, 0.6 * items.length)));
  const counts = new Map<string, number>();
  const name = (item: ProductRow, task: string) => `${task}/${item[task]}`;
  for (const i of training)
    for (const task of tasks) counts.set(name(items[i]!, task), (counts.get(name(items[i]!, task)) ?? 0) + 1);
  return items.flatMap((item, i) => {
    const known = tasks.filter((task) => item[task] && (counts.get(name(item, task)) ?? 0) >= ROWS_A_CLASS);
    if (known.length === 0) return [];
    const labels = Object.fromEntries(known.map((task) => [task, item[task]]));
    const split = training.has(i) ? ('train' as const) : ('test' as const);
    return [{ inputs: { image: item.image, text: item.title }, labels, split }];
  });
}
