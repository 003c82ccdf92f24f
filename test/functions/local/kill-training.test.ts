/** A kill in the middle of a training: the program that comes after it goes on from the checkpoint, to the very same result. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { readCheckpoint } from '#shared/classify/training-checkpoint.ts';
import { createRandom } from '#shared/core/random.ts';
import { isEnded } from '#shared/jobs/job.ts';
import { createJobStore } from '#shared/jobs/job-store.ts';
import { unpackArrays } from '#shared/learning/pack-arrays.ts';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import { makeModelFolder } from '../../models/make-model-folder.ts';
import { temporaryFolder } from '../../store/temporary-folder.ts';
import { type Program, startProgram } from './start-program.ts';

let model: string;
beforeAll(async () => {
  model = await makeModelFolder(join(await temporaryFolder(), 'model'));
});

/** A data folder of its own, which programs follow each other on. */
async function createBench() {
  const root = await temporaryFolder();
  const [media, data] = [join(root, 'media'), join(root, 'data')];
  await mkdir(media);
  const jobs = createJobStore(createFileObjectStore(join(data, 'state')));
  const start = async () => {
    const program = await startProgram([media, '--data', data, '--model', model]);
    onTestFinished(async () => void (await program.signal('SIGKILL')));
    while ((await program.get('v1/health')).status !== 200) await sleep(20);
    return program;
  };
  return { jobs, start };
}

const upload = (program: Program, key: string, rows: readonly object[]) =>
  fetch(new URL(`v1/objects/${key}`, program.url), {
    method: 'PUT',
    body: rows.map((row) => JSON.stringify(row)).join('\n'),
  });

/** @returns the id of the job */
async function submit(program: Program, path: string, request: object): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(new URL(path, program.url), { method: 'POST', headers, body: JSON.stringify(request) });
  const { job } = (await response.json()) as { job: { id: string } };
  return job.id;
}

type Bench = Awaited<ReturnType<typeof createBench>>;

async function ended({ jobs }: Bench, id: string) {
  for (;;) {
    const job = (await jobs.get(id))!;
    if (isEnded(job)) return job;
    await sleep(50);
  }
}

/**
 * Kills the program once the job has a checkpoint that `isWanted`, at once, before a fast machine has trained the rest,
 * and starts another.
 * @returns what the checkpoint was, and the number of the last point that is known of the curve
 */
async function killAfterCheckpoint(
  { jobs, start }: Bench,
  program: Program,
  id: string,
  isWanted: (checkpoint: Uint8Array) => boolean,
) {
  for (;;) {
    const checkpoint = await jobs.loadCheckpoint(id);
    if (checkpoint !== undefined && isWanted(checkpoint)) break;
    expect((await jobs.get(id))!.status, 'the training was over before it could be killed').not.toBe('succeeded');
    await sleep(5);
  }
  await program.signal('SIGKILL');
  const { curve, status } = (await jobs.get(id))!;
  expect(status).toBe('running');
  const checkpoint = (await jobs.loadCheckpoint(id))!;
  return { checkpoint, lastPoint: curve.at(-1)?.at ?? 0, next: await start() };
}

/** Two noisy waves that nobody can tell apart with certainty. */
function waves() {
  const random = createRandom(5);
  return Array.from({ length: 90 }, (_, i) => {
    const wave = Array.from(
      { length: 24 },
      (_unused, t) => Math.sin(t * (i % 2 === 0 ? 2 : 1.6)) + 2 * random.normal(),
    );
    return { inputs: { signals: { wave } }, labels: { kind: i % 2 === 0 ? 'fast' : 'slow' } };
  });
}

const WORDS = ['red', 'green', 'blue', 'yellow', 'dark', 'bright', 'round', 'square'];
const words = (n: number) => [0, 1, 2].map((i) => WORDS[Math.floor(n / WORDS.length ** i) % WORDS.length]).join(' ');

describe('a program that is killed while it trains', () => {
  it('goes on with the folds and epochs of a classifier that are left, to the same weights', async () => {
    const bench = await createBench();
    let program = await bench.start();
    await upload(program, 'waves.jsonl', waves());
    const epochs = 500;
    const recipe = { folds: 3, hiddenUnits: 128, epochs, patience: epochs, seed: 2 };
    const request = { dataset: 'waves.jsonl', recipe };
    const id = await submit(program, 'v1/classifiers', { ...request, name: 'interrupted' });
    for (const folds of [1, 2]) {
      const wanted = (bytes: Uint8Array) => readCheckpoint(bytes).heldOut.length >= folds;
      const { checkpoint, lastPoint, next } = await killAfterCheckpoint(bench, program, id, wanted);
      program = next;
      const done = readCheckpoint(checkpoint).heldOut.length;
      const firstPoint = async () => (await bench.jobs.get(id))!.curve.find(({ at }) => at > lastPoint);
      while ((await firstPoint()) === undefined) await sleep(20);
      expect((await firstPoint())!.values.fold).toBeGreaterThanOrEqual(done);
    }
    const job = await ended(bench, id);
    expect(job, JSON.stringify(job.failure)).toMatchObject({ status: 'succeeded', attempts: 3 });

    await ended(bench, await submit(program, 'v1/classifiers', { ...request, name: 'straight' }));
    const cardOf = async (name: string) => {
      const { body } = await program.get(`v1/classifiers/${name}`);
      const { name: _name, createdAt, ...card } = body.versions[0];
      return card;
    };
    const straight = await cardOf('straight');
    expect(straight.folds).toBe(3);
    expect(await cardOf('interrupted')).toEqual(straight);
  }, 180_000);

  it('goes on with the steps of an alignment that are left, to the same maps', async () => {
    const bench = await createBench();
    const program = await bench.start();
    const pairs = Array.from({ length: 120 }, (_, i) => ({ from: { text: words(i) }, to: { text: words(7 * i + 3) } }));
    await upload(program, 'pairs.jsonl', pairs);
    const { body } = await program.get('v1/spaces');
    const { id: space } = body.live[0];
    const steps = 1_000;
    const recipe = { method: 'deep-cca', dimensions: 8, hidden: [64, 64], steps };
    const request = { from: space, to: space, dataset: 'pairs.jsonl', recipe, seed: 3 };
    const id = await submit(program, 'v1/alignments', { ...request, name: 'interrupted' });
    const stepOf = (bytes: Uint8Array) => (unpackArrays(bytes).facts as { step: number }).step;
    const killed = await killAfterCheckpoint(bench, program, id, (bytes) => stepOf(bytes) >= steps / 4);
    const { checkpoint, lastPoint, next } = killed;
    const job = await ended(bench, id);
    expect(job, JSON.stringify(job.failure)).toMatchObject({ status: 'succeeded', attempts: 2 });
    const stepsOfPoint = 50;
    const made = job.curve.filter(({ at }) => at > lastPoint).length * stepsOfPoint;
    expect(made).toBe(steps - stepOf(checkpoint));

    await ended(bench, await submit(next, 'v1/alignments', { ...request, name: 'straight' }));
    const cardOf = async (name: string) => (await next.get(`v1/alignments/${name}`)).body.card;
    const straight = await cardOf('straight');
    expect(straight.step).toBeGreaterThan(0);
    expect(await cardOf('interrupted')).toEqual(straight);
  }, 180_000);
});
