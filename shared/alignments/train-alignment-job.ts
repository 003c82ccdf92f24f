/** From a data set of pairs to a stored alignment: read and check every row, embed both sides, train, keep. A job. */

import { z } from 'zod';
import type { Clock } from '#shared/core/clock.ts';
import { inputsSchema } from '#shared/datasets/example.ts';
import { createProblems, type Problems } from '#shared/datasets/problems.ts';
import { type EncodedModality, type ReadFeaturesDependencies, readFeatures } from '#shared/datasets/read-features.ts';
import { type DatasetLimits, type Row, readJsonLines } from '#shared/datasets/read-json-lines.ts';
import { trainedNameSchema } from '#shared/datasets/trained-name.ts';
import type { JobMetrics } from '#shared/jobs/job.ts';
import type { JobContext } from '#shared/jobs/job-kind.ts';
import { alignmentRecipeSchema } from '#shared/learning/alignment/alignment-recipe.ts';
import { trainAlignment } from '#shared/learning/alignment/train-alignment.ts';
import type { TrainerDependencies } from '#shared/learning/graph/trainer.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { AlignmentDescription, AlignmentStore } from './alignment-store.ts';

export const trainAlignmentSchema = z.strictObject({
  name: trainedNameSchema,
  /** Ids of spaces. */
  from: z.string().min(1),
  to: z.string().min(1),
  /** Key of an object of JSON lines. */
  dataset: z.string().min(1),
  recipe: alignmentRecipeSchema.prefault({ method: 'deep-cca' }),
  seed: z.int().min(0).max(0x7fffffff).default(0),
});

type TrainAlignmentRequest = z.output<typeof trainAlignmentSchema>;

const ENCODED: readonly EncodedModality[] = ['image', 'audio', 'text'];

/** One kind of encoded content: a vector is what is aligned. */
const sideSchema = inputsSchema.refine(
  (inputs) => inputs.signals === undefined && ENCODED.filter((kind) => inputs[kind] !== undefined).length === 1,
  { error: 'expected exactly one of "image", "audio", "text"' },
);

const pairSchema = z.strictObject({ from: sideSchema, to: sideSchema });

type PairRow = Row<z.output<typeof pairSchema>>;

export interface TrainAlignmentDependencies extends ReadFeaturesDependencies {
  readonly mediaStore: Pick<ObjectStore, 'get' | 'stream'>;
  readonly alignments: AlignmentStore;
  readonly trainer: TrainerDependencies;
  readonly clock: Clock;
  readonly datasetLimits?: DatasetLimits;
}

/** Share of the progress when both sides are embedded. */
const EMBEDDED = 0.4;

/** @throws ChiasmError `invalid_request` with everything that is wrong with the data set, `not_found`, `cancelled` */
export async function trainAlignmentJob(
  deps: TrainAlignmentDependencies,
  request: TrainAlignmentRequest,
  context: JobContext,
): Promise<JobMetrics> {
  const { name, from, to, dataset, recipe, seed } = request;
  const problems = createProblems();
  const rows = await readJsonLines(deps.mediaStore, dataset, pairSchema, problems, deps.datasetLimits);
  problems.refuse(dataset); // before anything is embedded, which takes longest
  const fromVectors = await readSide(deps, request, rows, 'from', problems, context);
  const toVectors = await readSide(deps, request, rows, 'to', problems, context);
  problems.refuse(dataset);
  const pairs = {
    from: fromVectors,
    to: toVectors,
    fromDimensions: fromVectors.length / rows.length,
    toDimensions: toVectors.length / rows.length,
  };
  const { card, files } = await trainAlignment(pairs, recipe, deps.trainer, {
    seed,
    signal: context.signal,
    onProgress: ({ step, steps, losses, validation }) =>
      context.report(EMBEDDED + (1 - EMBEDDED) * (step / steps), {
        ...losses,
        ...(validation !== undefined && { validation }),
      }),
    checkpoint: await context.loadCheckpoint(),
    saveCheckpoint: context.saveCheckpoint,
  });
  const createdAt = new Date(deps.clock.now()).toISOString();
  const modalities = modalitiesOf(rows);
  const description = { name, training: context.jobId, from, to, dataset, createdAt, card };
  await deps.alignments.add({ ...description, ...(modalities && { modalities }) }, files);
  return Object.fromEntries(card.metrics.map(({ name: metric, value }) => [metric, value]));
}

const kindOf = (inputs: PairRow['from']): EncodedModality => ENCODED.find((each) => inputs[each] !== undefined)!;

/** Undefined where the pairs of either side are of several kinds. */
function modalitiesOf(rows: readonly PairRow[]): AlignmentDescription['modalities'] {
  const [first] = rows;
  const [from, to] = [kindOf(first!.from), kindOf(first!.to)];
  return rows.every((row) => kindOf(row.from) === from && kindOf(row.to) === to) ? { from, to } : undefined;
}

/** The vectors of one side [N, D]; rows whose content lies in another space are added to `problems`. */
async function readSide(
  deps: TrainAlignmentDependencies,
  request: TrainAlignmentRequest,
  rows: readonly PairRow[],
  side: 'from' | 'to',
  problems: Problems,
  { signal, report }: JobContext,
): Promise<Float32Array> {
  const wanted = request[side];
  const begun = side === 'from' ? 0 : 0.5;
  const columns = await readFeatures(
    deps,
    request.dataset,
    rows.map((row) => ({ line: row.line, inputs: row[side] })),
    problems,
    { signal, onProgress: (share) => report(EMBEDDED * (begun + share / 2)) },
  );
  const vectors = rows.map(({ line, [side]: inputs }, row) => {
    const kind = kindOf(inputs);
    const column = columns[kind]!;
    if (column.space !== wanted) {
      problems.add(line, `/${side}: ${kind} is embedded in ${column.space}, and the alignment is of ${wanted}`);
    }
    return column.values.subarray(row * column.dimensions, (row + 1) * column.dimensions);
  });
  const joined = new Float32Array(vectors.reduce((size, { length }) => size + length, 0));
  let offset = 0;
  for (const vector of vectors) {
    joined.set(vector, offset);
    offset += vector.length;
  }
  return joined;
}
