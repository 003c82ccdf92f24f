/** A classifier over HTTP: from the upload of a file of JSON lines to the class of something unseen. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bodyOf, colourPicture, createFixture, type Fixture } from './api-fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await createFixture();
});
afterAll(() => fixture.close());

const small = { hiddenUnits: 32, learningRate: 0.01, epochs: 30, folds: 3, seed: 1 };

async function upload(key: string, rows: readonly unknown[]) {
  const lines = rows.map((row) => (typeof row === 'string' ? row : JSON.stringify(row))).join('\n');
  const response = await fixture.put(`/v1/objects/${key}`, lines, { 'content-type': 'application/x-ndjson' });
  expect(response.status).toBe(201);
}

/** The job when it has ended. */
async function train(request: object) {
  const response = await fixture.json('/v1/classifiers', request);
  const body = await bodyOf(response);
  expect(response.status, JSON.stringify(body)).toBe(202);
  await (await fixture.request(`/v1/jobs/${body.job.id}/events`)).text();
  return bodyOf(fixture.request(`/v1/jobs/${body.job.id}`));
}

/** Pictures that are red or blue, with a temperature that says the same and is missing in every third row. */
async function uploadColours() {
  const rows: object[] = [];
  for (let i = 0; i < 36; i++) {
    const red = i % 2 === 0;
    const shade = 140 + ((i * 37) % 110);
    const key = `colours/${i}.png`;
    const picture = await colourPicture(red ? `rgb(${shade},10,10)` : `rgb(10,10,${shade})`);
    await fixture.put(`/v1/objects/${key}`, picture, { 'content-type': 'image/png' });
    rows.push({
      inputs: { image: key, signals: { warmth: [i % 3 === 0 ? null : (red ? 30 : 10) + (i % 5), 7] } },
      labels: { colour: red ? 'red' : 'blue', tone: shade > 195 ? 'light' : 'dark' },
    });
  }
  await upload('colours.jsonl', rows);
}

describe('a classifier', () => {
  it('learns from an uploaded file and classifies what it has not seen', async () => {
    await uploadColours();
    await fixture.settle(); // half of the work of embedding is done by the index
    const job = await train({ name: 'colours', dataset: 'colours.jsonl', recipe: { ...small, fusion: 'attention' } });
    expect(job, JSON.stringify(job.failure)).toMatchObject({ kind: 'classifier', status: 'succeeded', progress: 1 });
    expect(job.curve.length).toBeGreaterThan(5);
    const losses: number[] = job.curve.map(({ values }: { values: { loss: number } }) => values.loss);
    expect(Math.min(...losses)).toBeLessThan(losses[0]!);

    const unseen = Buffer.from(await colourPicture('rgb(231,4,17)')).toString('base64');
    const both = await bodyOf(
      fixture.json('/v1/classify', {
        input: { image: { data: unseen }, signals: { warmth: [31, 7] } },
        classifier: 'colours',
      }),
    );
    expect(both.model).toBe('colours@1');
    expect(both.labels[0]).toMatchObject({ name: 'red' });
    expect(both.labels[0].probability).toBeGreaterThan(0.7);
    expect(Object.keys(both.tasks)).toEqual(['colour', 'tone']);
    expect(both.tasks.tone[0].probability + both.tasks.tone[1].probability).toBeCloseTo(1, 5);
    expect(both.weights.colour.image + both.weights.colour.warmth).toBeCloseTo(1, 5);

    const cold = await bodyOf(
      fixture.json('/v1/classify', { input: { signals: { warmth: [9, null] } }, classifier: 'colours' }),
    );
    expect(cold.labels[0].name).toBe('blue');
    expect(cold.weights.colour).toEqual({ image: 0, warmth: 1 });
  });

  it('shows its recipe, its metrics with intervals, and how it does without each kind of content', async () => {
    const { classifiers } = await bodyOf(fixture.request('/v1/classifiers'));
    expect(classifiers).toEqual([{ name: 'colours', live: 1, versions: [1] }]);
    const { versions } = await bodyOf(fixture.request('/v1/classifiers/colours'));
    const { metrics, missing, recipe, inputs, folds } = versions[0];
    expect(recipe).toMatchObject({ fusion: 'attention', sharing: 'hard', hiddenUnits: 32, dropout: 0.5 });
    expect(inputs.map(({ name }: { name: string }) => name)).toEqual(['image', 'warmth']);
    expect(folds).toBe(3);
    const { accuracy, macroF1, auroc, calibrationError, confusion } = metrics.colour;
    for (const { low, value, high } of [accuracy, macroF1, auroc, calibrationError]) {
      expect(low).toBeLessThanOrEqual(value);
      expect(value).toBeLessThanOrEqual(high);
    }
    expect(accuracy.value).toBeGreaterThan(0.9);
    expect(confusion.flat().reduce((a: number, b: number) => a + b)).toBe(36);
    expect(missing.map(({ given }: { given: string[] }) => given)).toEqual([
      ['image', 'warmth'],
      ['image'],
      ['warmth'],
    ]);
  });

  it('gives the same again from the same data, and keeps versions to go back to', async () => {
    const again = { name: 'colours', dataset: 'colours.jsonl', recipe: { ...small, fusion: 'attention' } };
    expect((await train(again)).metrics.version).toBe(2);
    const { live, versions } = await bodyOf(fixture.request('/v1/classifiers/colours'));
    expect(live).toBe(2);
    expect(versions[1].metrics).toEqual(versions[0].metrics);

    const promote = (body: object) => fixture.json('/v1/classifiers/colours/promote', body);
    expect(await bodyOf(promote({}))).toMatchObject({ live: 1, previous: 2 });
    const answer = await bodyOf(
      fixture.json('/v1/classify', { input: { signals: { warmth: [9, 7] } }, classifier: 'colours' }),
    );
    expect(answer.model).toBe('colours@1');
    expect((await promote({ version: 7 })).status).toBe(404);

    await train({ ...again, recipe: { ...small, epochs: 2, inputs: ['warmth'] }, promote: false });
    expect(await bodyOf(promote({ version: 3 }))).toMatchObject({ live: 3, previous: 1 });
    const refused = await fixture.json('/v1/classify', { input: { text: 'red' }, classifier: 'colours' });
    expect(refused.status).toBe(400);
    expect((await bodyOf(refused)).detail).toBe('the classifier reads warmth; got nothing');
  });

  it('is removed with everything of it', async () => {
    expect((await fixture.request('/v1/classifiers/colours', { method: 'DELETE' })).status).toBe(204);
    expect((await fixture.request('/v1/classifiers/colours')).status).toBe(404);
    expect((await fixture.request('/v1/classifiers/colours', { method: 'DELETE' })).status).toBe(404);
    const answer = await fixture.json('/v1/classify', { input: { text: 'x' }, classifier: 'colours' });
    expect(answer.status).toBe(404);
  });

  it('is refused with the place when the request is wrong', async () => {
    const cases = [
      [{ name: 'Nice Name', dataset: 'colours.jsonl' }, 400, '/name'],
      [{ name: 'x', dataset: 'nowhere.jsonl' }, 404, '/dataset'],
      [{ name: 'x', dataset: 'colours.jsonl', recipe: { fusion: 'magic' } }, 400, '/recipe/fusion'],
    ] as const;
    for (const [request, status, path] of cases) {
      const response = await fixture.json('/v1/classifiers', request);
      expect(response.status).toBe(status);
      expect((await bodyOf(response)).issues[0].path).toBe(path);
    }
  });

  it('is not trained on a file with problems: all of them are told, with their lines', async () => {
    await upload('broken.jsonl', [
      { inputs: { text: 'ripe' }, labels: { state: 'good' } },
      '{"inputs": {"signals": {"weight": [NaN]}}, "labels": {"state": "bad"}}',
      { inputs: {}, labels: { state: 'bad' } },
      { inputs: { text: 'green' }, labels: {} },
      { inputs: { text: 'soft' }, labels: { state: 'soft' }, split: 'test' },
    ]);
    const { status, failure } = await train({ name: 'broken', dataset: 'broken.jsonl' });
    expect(status).toBe('failed');
    expect(failure.issues.map(({ path }: { path: string }) => path)).toEqual(['line 2', 'line 3', 'line 4', 'line 5']);
    expect(failure.message).toMatch(
      /^the data set broken.jsonl is not trained on: line 2: .*null.*, and 3 more problems$/,
    );
    expect((await bodyOf(fixture.request('/v1/classifiers'))).classifiers).toEqual([]);

    await upload('missing.jsonl', [
      { inputs: { image: 'colours/0.png' }, labels: { colour: 'red' } },
      { inputs: { image: 'no/such.png' }, labels: { colour: 'blue' } },
      { inputs: { image: 'missing.jsonl' }, labels: { colour: 'blue' } },
    ]);
    const missing = await train({ name: 'broken', dataset: 'missing.jsonl' });
    expect(missing.failure.issues.map(({ path, message }: Record<string, string>) => `${path} ${message}`)).toEqual([
      expect.stringMatching(/^line 2 .inputs.image: there is no object "no.such.png"/),
      expect.stringMatching(/^line 3 .inputs.image: missing.jsonl: /),
    ]);
  });
});
