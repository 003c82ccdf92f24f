import { describe, expect, it } from 'vitest';
import { createRandom } from '#shared/core/random.ts';
import { type Alignment, openAlignment } from '#shared/learning/alignment/alignment.ts';
import type { AlignmentProgress } from '#shared/learning/alignment/alignment-options.ts';
import { type AlignmentRecipe, alignmentRecipeSchema } from '#shared/learning/alignment/alignment-recipe.ts';
import type { Pairs } from '#shared/learning/alignment/pairs.ts';
import { type TrainedAlignment, trainAlignment } from '#shared/learning/alignment/train-alignment.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';

const deps = { openSession: createOnnxSession };

/** Two views of the same hidden numbers, the second bent: 8 and 6 dimensions, a little noise. */
function bentPairs(count: number, seed = 1): Pairs {
  const numbers = createRandom(7);
  const mix = (rows: number, columns: number) => Array.from({ length: rows * columns }, () => numbers.normal());
  const [a, b] = [mix(3, 8), mix(3, 6)];
  const drawn = createRandom(seed);
  const from = new Float32Array(count * 8);
  const to = new Float32Array(count * 6);
  for (let i = 0; i < count; i++) {
    const hidden = [drawn.normal(), drawn.normal(), drawn.normal()];
    const bent = hidden.map((value) => value ** 3 / 3);
    for (let j = 0; j < 8; j++) from[i * 8 + j] = hidden.reduce((sum, h, k) => sum + h * a[k * 8 + j]!, 0);
    for (let j = 0; j < 6; j++) {
      to[i * 6 + j] = 4 + bent.reduce((sum, h, k) => sum + h * b[k * 6 + j]!, 0) + 0.05 * drawn.normal();
    }
  }
  return { from, to, fromDimensions: 8, toDimensions: 6 };
}

const recipe = (value: Record<string, unknown>): AlignmentRecipe => alignmentRecipeSchema.parse(value);
const SMALL = { dimensions: 3, hidden: [24], batchSize: 64 };
const RECIPES: readonly AlignmentRecipe[] = [
  recipe({ method: 'linear-cca', dimensions: 3 }),
  recipe({ method: 'deep-cca', ...SMALL, batchSize: 512, steps: 150, learningRate: 0.01 }),
  recipe({ method: 'adversarial', ...SMALL, steps: 300, learningRate: 0.01 }),
  recipe({ method: 'autoencoder', ...SMALL, steps: 300, learningRate: 0.01 }),
];
const metric = ({ card }: TrainedAlignment, name: string) => card.metrics.find((entry) => entry.name === name)!;

const open = (trained: TrainedAlignment): Promise<Alignment> =>
  openAlignment(
    async (name) => (name === 'card.json' ? Buffer.from(JSON.stringify(trained.card)) : trained.files[name]),
    deps,
  );

describe.each(RECIPES.map((entry): [string, AlignmentRecipe] => [entry.method, entry]))('the method %s', (_, entry) => {
  it('finds partners that it never saw, both ways and over the bridge, and is the same for the same seed', async () => {
    const pairs = bentPairs(400);
    const trained = await trainAlignment(pairs, entry, deps, { seed: 3 });
    expect(trained.card.pairs).toEqual({ training: 320, validation: 40, heldOut: 40 });
    for (const name of ['from to recall@10', 'to from recall@10']) {
      expect(metric(trained, name).value, name).toBeGreaterThan(0.75);
      expect(metric(trained, name).chance).toBe(0.25);
    }
    expect(metric(trained, 'bridge recall@10').value).toBeGreaterThan(0.5);
    const again = await trainAlignment(pairs, entry, deps, { seed: 3 });
    expect(again.card).toEqual(trained.card); // with the digests of the models
  });
});

describe('deep canonical correlation', () => {
  it('beats the linear one where the relation is bent', async () => {
    const options = { heldOut: bentPairs(200, 5) };
    const [linear, deep] = [
      await trainAlignment(bentPairs(500), RECIPES[0]!, deps, options),
      await trainAlignment(bentPairs(500), RECIPES[1]!, deps, options),
    ];
    const total = (trained: TrainedAlignment) => metric(trained, 'total correlation').value;
    expect(total(linear)).toBeLessThan(2.7);
    expect(total(deep)).toBeGreaterThan(total(linear) + 0.1);
  });

  it('of a rotated copy is perfect, as the linear one is', async () => {
    const { from } = bentPairs(300);
    const turned = new Float32Array(from.length);
    for (let i = 0; i < from.length; i += 2) {
      turned[i] = 0.6 * from[i]! - 0.8 * from[i + 1]!;
      turned[i + 1] = 0.8 * from[i]! + 0.6 * from[i + 1]!;
    }
    const copies: Pairs = { from, to: turned, fromDimensions: 8, toDimensions: 8 };
    for (const entry of [RECIPES[0]!, RECIPES[1]!]) {
      const trained = await trainAlignment(copies, entry, deps);
      const exact = entry.method === 'linear-cca';
      expect(metric(trained, 'total correlation').value).toBeGreaterThan(exact ? 2.9999 : 2.9);
    }
  });
});

describe('a training', () => {
  const entry = RECIPES[2]!;

  it('tells its losses, and ends where it would have ended when it goes on from a checkpoint', async () => {
    const pairs = bentPairs(200);
    const points: AlignmentProgress[] = [];
    const checkpoints: Uint8Array[] = [];
    const whole = await trainAlignment(pairs, entry, deps, {
      onProgress: (point) => void points.push(point),
      saveCheckpoint: async (bytes) => void checkpoints.push(bytes),
    });
    expect(Object.keys(points[0]!.losses)).toEqual(['loss', 'pairs', 'discriminator']);
    expect(points.at(-1)).toMatchObject({ step: 300, steps: 300, validation: expect.any(Number) });
    expect(points.at(-1)!.losses.pairs).toBeLessThan(points[0]!.losses.pairs! / 2);
    const resumed = await trainAlignment(pairs, entry, deps, { checkpoint: checkpoints[7] });
    expect(resumed.card).toEqual(whole.card);
  });

  it('learns from all pairs and keeps the last state when none are for validation', async () => {
    const options = { heldOut: bentPairs(40, 5), validationShare: 0 };
    const { card } = await trainAlignment(bentPairs(100), entry, deps, options);
    expect(card.pairs).toEqual({ training: 100, validation: 0, heldOut: 40 });
    expect(card.step).toBe(300);
  });

  it('leaves the discriminator guessing', async () => {
    const losses: number[] = [];
    await trainAlignment(bentPairs(200), entry, deps, { onProgress: (p) => void losses.push(p.losses.discriminator!) });
    expect(losses.at(-1)).toBeGreaterThan(0.6); // log 2 = 0.69 is a guess; 0.33 would be certainty with these labels
  });

  it('ends when it is cancelled', async () => {
    const cancel = new AbortController();
    const training = trainAlignment(bentPairs(200), entry, deps, {
      signal: cancel.signal,
      onProgress: () => cancel.abort(),
    });
    await expect(training).rejects.toMatchObject({ code: 'cancelled' });
  });

  const bad = bentPairs(30);
  it.each<[string, Pairs, RegExp]>([
    ['too few pairs', bentPairs(5), /at least 20 pairs.*got 5/],
    ['sides of different lengths', { ...bad, to: bad.to.subarray(6) }, /got 30 and 29/],
    ['a number that is none', { ...bad, from: bad.from.with(17, Number.NaN) }, /pair 2 has NaN in "from"/],
    ['vectors that are all the same', { ...bad, to: bad.to.map(() => 1) }, /all vectors of "to" are the same/],
  ])('refuses %s', async (_, pairs, message) => {
    await expect(trainAlignment(pairs, entry, deps)).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(message),
    });
  });

  it('refuses a damaged checkpoint', async () => {
    const training = trainAlignment(bad, entry, deps, { checkpoint: Uint8Array.of(9, 9, 9, 9, 9) });
    await expect(training).rejects.toMatchObject({ code: 'state_corrupt' });
  });

  it('survives constant, repeated and huge columns', async () => {
    const pairs = bentPairs(60);
    const from = pairs.from.map((value, i) => (i % 8 === 0 ? 5 : i % 8 === 1 ? 1e6 * value : value));
    for (const each of RECIPES) {
      const { card } = await trainAlignment({ ...pairs, from }, each, deps);
      expect(card.metrics.every(({ value }) => Number.isFinite(value))).toBe(true);
    }
  });
});

describe('an alignment in use', () => {
  it('maps vectors to unit rows in which partners are near, and over the bridge to queries of the other space', async () => {
    const pairs = bentPairs(300);
    const alignment = await open(await trainAlignment(pairs, RECIPES[0]!, deps));
    const u = await alignment.mapFrom(pairs.from.slice(0, 80));
    const v = await alignment.mapTo(pairs.to.slice(0, 60));
    expect([u.length, v.length]).toEqual([30, 30]);
    expect(Math.hypot(...u.subarray(0, 3))).toBeCloseTo(1, 5);
    const q = await alignment.bridge(pairs.from.slice(0, 8));
    expect(q).toHaveLength(6);
    expect(Math.hypot(...q)).toBeCloseTo(1, 5);
    await alignment.close();
  });

  it('is refused when a file is missing, exchanged or damaged', async () => {
    const trained = await trainAlignment(bentPairs(60), RECIPES[0]!, deps);
    const card = Buffer.from(JSON.stringify(trained.card));
    await expect(openAlignment(async () => undefined, deps)).rejects.toMatchObject({ code: 'not_found' });
    await expect(openAlignment(async () => Buffer.from('{'), deps)).rejects.toMatchObject({ code: 'state_corrupt' });
    const without = openAlignment(async (name) => (name === 'card.json' ? card : undefined), deps);
    await expect(without).rejects.toMatchObject({
      code: 'state_corrupt',
      message: expect.stringContaining('from.onnx is missing'),
    });
    const exchanged = openAlignment(async (name) => (name === 'card.json' ? card : trained.files['from.onnx']), deps);
    await expect(exchanged).rejects.toMatchObject({ message: expect.stringContaining('to.onnx is not the file') });
  });
});
