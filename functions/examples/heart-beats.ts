/** Heart beats: a signal alone. Beats of known recordings, and of recordings that were never seen. */

import type { Example } from './example.ts';
import { METRICS_HEAD, metricsRow } from './report.ts';

const RECIPE = { hiddenUnits: 256, learningRate: 1e-3, epochs: 60, folds: 5, seed: 1 };

interface Beat {
  readonly record: string;
  readonly label: string;
  readonly signal: readonly number[];
}

export const heartBeats: Example = {
  expects: 'beats.jsonl {record, label, signal}',
  run: async (bench, print) => {
    const beats = (await bench.readRows('beats.jsonl')) as unknown as readonly Beat[];
    const rows = beats.map(({ record, label, signal }) => ({
      inputs: { signals: { beat: signal } },
      labels: { kind: label },
      group: record,
    }));
    print(`${rows.length} beats\n\n${METRICS_HEAD}`);
    const mixed = rows.map(({ group: _group, ...row }) => row);
    print(metricsRow('recordings in training and test', await bench.train(mixed, RECIPE)));
    print(metricsRow('balanced classes', await bench.train(mixed, { ...RECIPE, classWeights: 'balanced' })));
    print(metricsRow('recordings that were never seen', await bench.train(rows, RECIPE)));
  },
};
