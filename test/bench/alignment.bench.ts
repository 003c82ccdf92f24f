/**
 * What alignments reach on pairs that they never saw: halves of scikit-learn's handwritten digits, the set-up of Andrew
 * et al. 2013 in small, and pictures with their titles.
 *
 *   npm run bench -- alignment digits [--python PATH] [--seeds N,N...]
 *   npm run bench -- alignment FOLDER [--model NAME|DIR]     a folder with items.jsonl: {"image", "title"}
 */

import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { composeEvaluation } from '#functions/evaluate/compose.ts';
import { createRandom } from '#shared/core/random.ts';
import { type AlignmentRecipe, alignmentRecipeSchema } from '#shared/learning/alignment/alignment-recipe.ts';
import { type Pairs, takePairs } from '#shared/learning/alignment/pairs.ts';
import { trainAlignment } from '#shared/learning/alignment/train-alignment.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { table } from './statistics.ts';

interface Halves {
  readonly pairs: Pairs;
  readonly heldOut: Pairs;
  readonly recipes: readonly AlignmentRecipe[];
  readonly validationShare?: number;
}

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      python: { type: 'string', default: 'python3' },
      seeds: { type: 'string', default: '1,2,3' },
      model: { type: 'string', default: 'starter' },
    },
  });
  const source = positionals[0] ?? 'digits';
  const { recipes, pairs, ...options } =
    source === 'digits' ? digits(values.python) : await products(source, values.model);
  const rows: string[][] = [];
  for (const recipe of recipes) {
    const seeds = values.seeds.split(',').map(Number);
    for (const seed of recipe.method === 'linear-cca' ? seeds.slice(0, 1) : seeds) {
      const { card } = await trainAlignment(pairs, recipe, { openSession: createOnnxSession }, { seed, ...options });
      const metric = (name: string) => card.metrics.find((entry) => entry.name === name)!.value;
      rows.push([
        `${recipe.method}, seed ${seed}`,
        `${metric('total correlation').toFixed(2)} of ${card.dimensions}`,
        ...['from to', 'to from', 'bridge'].map((way) =>
          [1, 10].map((k) => metric(`${way} recall@${k}`).toFixed(3)).join(' / '),
        ),
        card.calibration?.error.toFixed(4) ?? '',
      ]);
      process.stderr.write(`${rows.at(-1)!.join('  ')}\n`);
    }
  }
  const size = ({ from, fromDimensions }: Pairs) => from.length / fromDimensions;
  process.stdout.write(`${size(pairs)} pairs to train on, ${size(options.heldOut)} to measure on; recall@1 / @10\n`);
  process.stdout.write(
    table([['', 'total correlation', 'from to', 'to from', 'bridge', 'calibration error'], ...rows]),
  );
}

const DIGITS = `
import sys
from sklearn.datasets import load_digits
images = load_digits().images / 16
halves = [images[:, :, :4], images[:, :, 4:]]
sys.stdout.buffer.write(b''.join(half.reshape(len(images), -1).astype('<f4').tobytes() for half in halves))
`;

/** The left and the right half, 32 pixels each, of 1,797 digits; the last 360 are held out. */
function digits(python: string): Halves {
  const { stdout, stderr, error } = spawnSync(python, ['-c', DIGITS], { maxBuffer: 2 ** 24 });
  if (stdout.length === 0) throw new Error(`scikit-learn is needed for its digits: ${error?.message ?? stderr}`);
  const numbers = new Float32Array(new Uint8Array(stdout).buffer);
  const half = numbers.length / 2;
  const whole: Pairs = {
    from: numbers.subarray(0, half),
    to: numbers.subarray(half),
    fromDimensions: 32,
    toDimensions: 32,
  };
  const deep = { method: 'deep-cca', dimensions: 10, steps: 1_800, weightDecay: 0.01 };
  return {
    ...halves(whole, 1_437, false),
    validationShare: 0, // as in the paper: all of the training pairs, the last state
    recipes: [{ method: 'linear-cca', dimensions: 10, regularisation: 0 }, deep].map((r) =>
      alignmentRecipeSchema.parse(r),
    ),
  };
}

async function products(folder: string, model: string): Promise<Halves> {
  const evaluation = await composeEvaluation(model, folder);
  const lines = (await readFile(join(folder, 'items.jsonl'), 'utf8')).trim().split('\n');
  const items = lines.map((line) => JSON.parse(line) as { image: string; title: string });
  const texts = await evaluation.embedder.texts(items.map(({ title }) => title));
  const images: Float32Array[] = [];
  for (const { image } of items) images.push(await evaluation.embedder.image(await readFile(join(folder, image))));
  await evaluation.close();
  const dimensions = texts[0]!.length;
  const whole: Pairs = {
    from: joined(images),
    to: joined(texts),
    fromDimensions: dimensions,
    toDimensions: dimensions,
  };
  return {
    ...halves(whole, Math.round(items.length * 0.8), true),
    recipes: alignmentRecipeSchema.options.map(({ shape }) =>
      alignmentRecipeSchema.parse({ method: shape.method.value, dimensions: 32 }),
    ),
  };
}

function halves(whole: Pairs, training: number, shuffle: boolean) {
  const count = whole.from.length / whole.fromDimensions;
  const order = shuffle ? createRandom(1).permutation(count) : Int32Array.from({ length: count }, (_, i) => i);
  return {
    pairs: takePairs(whole, order.subarray(0, training)),
    heldOut: takePairs(whole, order.subarray(training)),
  };
}

function joined(rows: readonly Float32Array[]): Float32Array {
  const size = rows[0]!.length;
  const matrix = new Float32Array(rows.length * size);
  rows.forEach((row, i) => {
    matrix.set(row, i * size);
  });
  return matrix;
}
