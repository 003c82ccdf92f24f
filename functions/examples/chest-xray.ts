/** X-rays with clinical notes and sparse vital signs: missing values are the rule. Rows of a patient stay together. */

import type { HeldOutMetrics } from '#shared/classify/held-out.ts';
import type { TaskMetrics } from '#shared/classify/measure.ts';
import type { Example } from './example.ts';
import { pairedAuroc, pairedDifference } from './paired-difference.ts';
import { missingTable, tableHead, tableRow, withInterval } from './report.ts';

/** The learning rate and the number of epochs (as many as the default makes) had the smallest loss on validation rows. */
const RECIPE = { folds: 5, hiddenUnits: 256, learningRate: 1e-3 };
const SEEDS = [1, 2, 3];
const VITALS = ['age', 'offset', 'temperature', 'pO2_saturation', 'neutrophil_count', 'lymphocyte_count'] as const;

type CaseRow = Readonly<Record<string, string>>;

export const chestXray: Example = {
  expects: 'cases.jsonl {image, patientid, finding, clinical_notes, age, sex, ...}',
  run: async (bench, print) => {
    const rows = (await bench.readRows('cases.jsonl')).map(toRow);
    const train = async (own: readonly object[], recipe: object) => {
      const measured: HeldOutMetrics[] = [];
      for (const seed of SEEDS) measured.push(await bench.train(own, { ...RECIPE, ...recipe, seed }));
      return measured;
    };
    print(`${rows.length} X-rays, cross-validated in ${RECIPE.folds} folds, no patient in two of them`);
    print(`${SEEDS.length} seeds\n\n${tableHead(['', 'accuracy, %', 'macro F1, %', 'AUROC', 'calibration error'])}`);
    const alone = new Map<string, readonly HeldOutMetrics[]>();
    for (const input of ['image', 'text', 'vitals']) {
      // rows without this content cannot be told apart by it: they are measured where all is fused
      const places = [...rows.keys()].filter((row) => input !== 'text' || rows[row]!.inputs.text !== undefined);
      const own = places.map((row) => rows[row]!);
      const measured = await train(own, { inputs: [input] });
      print(meanRow(`${input} alone (${own.length} rows)`, measured));
      alone.set(
        input,
        measured.map((each) => atRows(each, places)),
      );
    }
    const differences: string[] = [];
    for (const fusion of ['feature', 'decision', 'attention']) {
      const fused = await train(rows, { fusion });
      print(meanRow(fusion, fused));
      const patientOf = (row: number) => rows[row]!.group;
      for (const [input, own] of alone) {
        const measured = fused.map((each) => onRowsOf(each, own[0]!));
        const accuracy = withInterval(pairedDifference(measured, own, ['finding'], patientOf));
        const { value, low, high } = pairedAuroc(measured, own, 'finding', patientOf);
        const area = `${value.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
        differences.push(tableRow([`${fusion}, more than ${input} alone`, accuracy, area]));
      }
      if (fusion === 'attention')
        print(`\nAttention with what is shown of the test rows\n\n${missingTable(fused[0]!)}`);
    }
    print(`\n${tableHead(['', 'accuracy, %', 'AUROC'])}\n${differences.join('\n')}`);
  },
};

function meanRow(name: string, measured: readonly HeldOutMetrics[]): string {
  const mean = (of: (metrics: TaskMetrics) => number) =>
    measured.reduce((sum, { metrics }) => sum + of(metrics.finding!), 0) / measured.length;
  const percent = (of: (metrics: TaskMetrics) => number) => (100 * mean(of)).toFixed(1);
  return tableRow([
    name,
    percent(({ accuracy }) => accuracy.value),
    percent(({ macroF1 }) => macroF1.value),
    mean(({ auroc }) => auroc!.value).toFixed(3),
    mean(({ calibrationError }) => calibrationError.value).toFixed(3),
  ]);
}

/** With the numbers of rows among all. @param places [n], of the rows that the network had */
function atRows(measured: HeldOutMetrics, places: readonly number[]): HeldOutMetrics {
  return mapRows(measured, (entries) => entries.map(([row, value]) => [places[row]!, value]));
}

/** Only what was measured of rows that the other network measured too. */
function onRowsOf(measured: HeldOutMetrics, other: HeldOutMetrics): HeldOutMetrics {
  return mapRows(measured, (entries) => entries.filter(([row]) => other.right.finding!.has(row)));
}

function mapRows(
  measured: HeldOutMetrics,
  map: <T>(entries: readonly (readonly [number, T])[]) => readonly (readonly [number, T])[],
): HeldOutMetrics {
  const { right, scores } = measured;
  return {
    ...measured,
    right: { finding: new Map(map([...right.finding!])) },
    scores: { finding: new Map(map([...scores.finding!])) },
  };
}

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
