/** Sounds: five examples for each of ten classes, from folds that were recorded apart from the ones that measure. */

import { createRandom } from '#shared/core/random.ts';
import type { Example } from './example.ts';
import { METRICS_HEAD, metricsRow } from './report.ts';

const EXAMPLES_A_CLASS = 5;
const RECIPE = { hiddenUnits: 256, learningRate: 1e-3, epochs: 100, seed: 1 };
const DRAWS = 4;

export const sounds: Example = {
  expects: 'labels.jsonl {audio, label, fold}',
  run: async (bench, print) => {
    const sounds = await bench.readRows('labels.jsonl');
    const folds = [...new Set(sounds.map(({ fold }) => fold))].sort();
    print(`${EXAMPLES_A_CLASS} examples for each class, tested on the folds that they are not from\n\n${METRICS_HEAD}`);
    for (let draw = 0; draw < DRAWS; draw++) {
      const fold = folds[draw % folds.length];
      const order = [...createRandom(draw).permutation(sounds.length)].map((i) => sounds[i]!);
      const taken = new Map<string, number>();
      const rows = order.flatMap(({ audio, label, fold: own }) => {
        const row = { inputs: { audio }, labels: { sound: label } };
        if (own !== fold) return [{ ...row, split: 'test' }];
        const count = taken.get(label!) ?? 0;
        taken.set(label!, count + 1);
        return count < EXAMPLES_A_CLASS ? [row] : [];
      });
      print(metricsRow(`from fold ${fold}`, await bench.train(rows, RECIPE)));
    }
  },
};
