/** Training from rows to a stored version: what is hostile, what is missing, what is interrupted. Signals only: no model. */

import { describe, expect, it } from 'vitest';
import { createClassifierStore } from '#shared/classify/classifier-store.ts';
import { createClassifiers } from '#shared/classify/classifiers.ts';
import { trainClassifier, trainClassifierSchema } from '#shared/classify/train-classifier.ts';
import { createManualClock } from '#shared/core/clock.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { createRandom } from '#shared/core/random.ts';
import { classifierKeys } from '#shared/core/state-keys.ts';
import { createFeatureCache } from '#shared/datasets/feature-cache.ts';
import type { JobMetrics } from '#shared/jobs/job.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';

const recipe = { hiddenUnits: 16, learningRate: 0.02, epochs: 32, batchSize: 16, folds: 0, seed: 3 };
const unexpected = () => Promise.reject(new ChiasmError('internal', 'nothing is to be embedded here'));

function createBench() {
  const stateStore = createMemoryObjectStore();
  const mediaStore = createMemoryObjectStore();
  const classifiers = createClassifierStore(stateStore);
  const deps = {
    spaces: {
      spaceOf: () => undefined,
      items: { item: async () => undefined },
      embedder: { texts: unexpected, image: unexpected, audio: unexpected },
    },
    mediaStore,
    cache: createFeatureCache(stateStore),
    classifiers,
    trainer: { openSession: createOnnxSession },
    clock: createManualClock(),
  };
  const serving = createClassifiers({ store: classifiers, openSession: createOnnxSession, spaceOf: () => undefined });
  let checkpoint: Uint8Array | undefined;
  /** @param onReport may throw: the training ends as if the process had died */
  const train = async (
    rows: readonly object[],
    overrides: object = {},
    onReport: (values?: JobMetrics) => void = () => {},
  ) => {
    await mediaStore.put('set.jsonl', Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')));
    const request = { name: 'beats', dataset: 'set.jsonl', recipe: { ...recipe, ...overrides } };
    return trainClassifier(deps, trainClassifierSchema.parse(request), {
      jobId: 'job',
      signal: new AbortController().signal,
      report: (_, values) => onReport(values),
      loadCheckpoint: async () => checkpoint,
      saveCheckpoint: async (bytes) => {
        checkpoint = bytes;
      },
    });
  };
  return { stateStore, classifiers, serving, train };
}

/** Two noisy kinds of waves; a seventh of the values of `vitals` is missing, and every second row has no `wave`. */
function waves(count: number) {
  const random = createRandom(11);
  return Array.from({ length: count }, (_, i) => {
    const fast = i % 2 === 0;
    const wave = Array.from({ length: 12 }, (_unused, t) => Math.sin(t * (fast ? 2 : 0.7)) + 0.3 * random.normal());
    const vitals = [fast ? 1 : -1, 5, random.normal()].map((value) => (random.uniform() < 0.15 ? null : value));
    const signals = { vitals, ...(i % 4 < 2 && { wave }) };
    return { inputs: { signals }, labels: { kind: fast ? 'fast' : 'slow', half: i < count / 2 ? 'first' : 'second' } };
  });
}

describe('training', () => {
  it('does without what is missing, ignores what never changes, and serves what it exported', async () => {
    const { train, classifiers, serving } = createBench();
    const { version, 'accuracy/kind': accuracy } = await train(waves(120), { tasks: ['kind'] });
    expect(version).toBe(1);
    expect(accuracy).toBeGreaterThan(0.85);
    const card = (await classifiers.card('beats', 1))!;
    expect(card.inputs.map(({ name, masked, scale }) => [name, masked, scale.length])).toEqual([
      ['vitals', true, 3],
      ['wave', false, 12],
    ]);
    expect(card.inputs[0]!.scale[1]).toBe(0); // always 5
    expect(card.rows).toEqual({ train: 85, validation: 17, test: 18 });
    const fast = Array.from({ length: 12 }, (_, t) => Math.sin(t * 2));
    const { tasks } = await serving.classify('beats', {
      vectors: {},
      signals: { wave: fast, vitals: [1, 1e30, null] },
    });
    expect(tasks.kind![0]!.name).toBe('fast');
    await expect(serving.classify('beats', { vectors: {}, signals: { wave: [1] } })).rejects.toThrow(
      'expected 12 numbers',
    );
    await serving.close();
  });

  it('goes on from a checkpoint and ends with the very same weights', async () => {
    const straight = createBench();
    await straight.train(waves(60), { folds: 3 });
    const interrupted = createBench();
    let reports = 0;
    const dying = (values?: JobMetrics) => {
      if (values?.fold === 1 && ++reports === 2) throw new Error('the process is killed');
    };
    await expect(interrupted.train(waves(60), { folds: 3 }, dying)).rejects.toThrow('killed');
    const folds: number[] = [];
    await interrupted.train(waves(60), { folds: 3 }, (values) => values?.fold !== undefined && folds.push(values.fold));
    expect(Math.min(...folds)).toBe(1);
    const digests = [straight, interrupted].map(
      async ({ classifiers }) => (await classifiers.card('beats', 1))!.digest,
    );
    const [one, other] = await Promise.all(digests);
    expect(other).toBe(one);
  });

  it.each(['decision', 'attention'])(
    'learns with %s fusion, soft sharing and weights by uncertainty',
    async (fusion) => {
      const { train, classifiers } = createBench();
      await train(waves(80), { fusion, sharing: 'soft', taskWeighting: 'uncertainty', classWeights: 'balanced' });
      const { metrics } = (await classifiers.card('beats', 1))!;
      expect(metrics.kind!.accuracy.value).toBeGreaterThan(0.7);
      expect(metrics.half!.accuracy.value).toBeLessThan(1); // noise cannot be learned
    },
  );

  it.each([
    ['one class only', waves(20).map((row) => ({ ...row, labels: { kind: 'fast' } })), {}, /only the class "fast"/],
    ['labels of a set that nobody gave', waves(20), { tasks: ['colour'] }, /no row has a label of "colour"/],
    ['an input that nobody gave', waves(20), { inputs: ['image'] }, /no row has the input image/],
    [
      'signals of different lengths',
      [...waves(20), { inputs: { signals: { vitals: [1] } }, labels: { kind: 'fast' } }],
      {},
      /line 21: .*expected 3 numbers like the rows before, got 1/,
    ],
    [
      'a class that no training row has',
      [...waves(20), { ...waves(1)[0], labels: { kind: 'odd' }, split: 'test' }],
      {},
      /line 21: .*no training row has the class "odd" of this test row/,
    ],
  ])('refuses %s', async (_, rows, overrides, message) => {
    const { train, classifiers } = createBench();
    await expect(train(rows, overrides)).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(message),
    });
    expect(await classifiers.names()).toEqual([]);
  });
});

describe('a stored version', () => {
  it('that is damaged is not served, and another one can be made live', async () => {
    const { train, serving, stateStore } = createBench();
    const quick = { epochs: 1, tasks: ['kind'] };
    await train(waves(20), quick);
    await train(waves(20), { ...quick, seed: 4 });
    await stateStore.put(classifierKeys.model('beats', 2), Buffer.from('no model'));
    const input = { vectors: {}, signals: { vitals: [1, 5, 0] } };
    await expect(serving.classify('beats', input)).rejects.toMatchObject({ code: 'state_corrupt' });
    await serving.promote('beats');
    expect((await serving.classify('beats', input)).card.version).toBe(1);
    await serving.close();
  });
});
