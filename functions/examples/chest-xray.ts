/** X-rays with clinical notes and sparse vital signs: missing values are the rule. Rows of a patient stay together. */

import type { Example } from './example.ts';
import { METRICS_HEAD, metricsRow, missingTable } from './report.ts';

const RECIPE = { folds: 5, epochs: 60, hiddenUnits: 256, learningRate: 3e-4, seed: 1 };
const VITALS = ['age', 'offset', 'temperature', 'pO2_saturation', 'neutrophil_count', 'lymphocyte_count'] as const;

type CaseRow = Readonly<Record<string, string>>;

export const chestXray: Example = {
  expects: 'cases.jsonl {image, patientid, finding, clinical_notes, age, sex, ...}',
  run: async (bench, print) => {
    const rows = (await bench.readRows('cases.jsonl')).map(toRow);
    print(
      `${rows.length} X-rays, cross-validated in ${RECIPE.folds} folds, no patient in two of them\n\n${METRICS_HEAD}`,
    );
    for (const input of ['image', 'text', 'vitals']) {
      // rows without this content cannot be told apart by it: they are measured where all is fused
      const own = rows.filter(({ inputs }) => input !== 'text' || inputs.text !== undefined);
      print(metricsRow(`${input} alone (${own.length} rows)`, await bench.train(own, { ...RECIPE, inputs: [input] })));
    }
    for (const fusion of ['feature', 'decision', 'attention']) {
      const card = await bench.train(rows, { ...RECIPE, fusion });
      print(metricsRow(fusion, card));
      if (fusion === 'attention') print(`\nAttention with what is shown of the test rows\n\n${missingTable(card)}`);
    }
  },
};

function toRow(row: CaseRow) {
  const number = (text: string | undefined) => (text === undefined || text === '' ? null : Number(text));
  const sex = { M: 1, F: -1 }[row.sex ?? ''] ?? null;
  return {
    inputs: {
      image: row.image,
      ...(row.clinical_notes && { text: row.clinical_notes }),
      signals: { vitals: [sex, ...VITALS.map((name) => number(row[name]))] },
    },
    labels: { finding: findingOf(row.finding ?? '') },
    group: `patient ${row.patientid}`,
  };
}

function findingOf(finding: string): string {
  if (finding.includes('COVID-19')) return 'COVID-19';
  return finding === 'No Finding' ? finding : 'other pneumonia';
}
