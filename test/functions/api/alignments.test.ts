/** Alignments over HTTP: from pairs in a file to a bridge with metrics. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { bodyOf, colourPicture, createFixture, type Fixture, keysUnder } from './api-fixture.ts';

let fixture: Fixture;
beforeAll(async () => {
  fixture = await createFixture();
});
afterAll(() => fixture.close());

const space = () => fixture.deps.spaces.members[0].encoder.space;

async function train(request: object) {
  const response = await fixture.json('/v1/alignments', request);
  const body = await bodyOf(response);
  expect(response.status, JSON.stringify(body)).toBe(202);
  await (await fixture.request(`/v1/jobs/${body.job.id}/events`)).text();
  return bodyOf(fixture.request(`/v1/jobs/${body.job.id}`));
}

const put = (key: string, rows: readonly object[]) =>
  fixture.put(`/v1/objects/${key}`, rows.map((row) => JSON.stringify(row)).join('\n'));

describe('an alignment', () => {
  it('is trained on pairs, measured on others, and maps vectors', async () => {
    const rows: object[] = [];
    for (let i = 0; i < 30; i++) {
      const key = `shade ${i}.png`;
      await fixture.put(`/v1/objects/${key}`, await colourPicture(`rgb(${8 * i},${240 - 7 * i},${(i * 53) % 255})`), {
        'content-type': 'image/png',
      });
      rows.push({ from: { text: `shade ${'red '.repeat(i % 7)} ${'green '.repeat(i % 5)}` }, to: { image: key } });
    }
    await put('pairs.jsonl', rows);
    const { id, dimensions } = space();
    const request = { name: 'words-to-pictures', from: id, to: id, dataset: 'pairs.jsonl' };
    const job = await train({ ...request, recipe: { method: 'linear-cca', dimensions: 3 } });
    expect(job, JSON.stringify(job.failure)).toMatchObject({ kind: 'alignment', status: 'succeeded' });
    expect(Object.keys(job.metrics)).toContain('total correlation');

    const { alignments } = await bodyOf(fixture.request('/v1/alignments'));
    expect(alignments).toHaveLength(1);
    const alignment = await bodyOf(fixture.request('/v1/alignments/words-to-pictures'));
    expect(alignment).toMatchObject({ from: id, to: id, dataset: 'pairs.jsonl', card: { dimensions: 3 } });
    expect(alignment.modalities).toEqual({ from: 'text', to: 'image' });
    const opened = await fixture.deps.alignments.open('words-to-pictures', { openSession: createOnnxSession });
    expect((await opened.bridge(new Float32Array(dimensions).fill(0.1))).length).toBe(dimensions);
    await opened.close();

    await train({ ...request, recipe: { method: 'linear-cca', dimensions: 2 } });
    expect((await bodyOf(fixture.request('/v1/alignments/words-to-pictures'))).card.dimensions).toBe(2);
    expect(await keysUnder(fixture.stateStore, 'alignments/')).toHaveLength(5); // only the newest files are kept
    expect((await fixture.request('/v1/alignments/words-to-pictures', { method: 'DELETE' })).status).toBe(204);
    expect((await fixture.request('/v1/alignments/words-to-pictures')).status).toBe(404);
    expect(await keysUnder(fixture.stateStore, 'alignments/')).toEqual([]);
  });

  it('is not trained on pairs of other spaces, on half a file, or on nothing', async () => {
    const { id } = space();
    const rows = [
      { from: { text: 'a' }, to: { text: 'b' } },
      { from: { text: 'a', image: 'x.png' }, to: { text: 'b' } },
      { from: { signals: { s: [1] } }, to: { text: 'b' } },
    ];
    await put('wrong.jsonl', rows);
    const wrong = await train({ name: 'x', from: id, to: id, dataset: 'wrong.jsonl' });
    expect(wrong.failure.issues.map(({ path }: { path: string }) => path)).toEqual(['line 2', 'line 3']);
    await put('other.jsonl', rows.slice(0, 1));
    const other = await train({ name: 'x', from: id, to: 'clip', dataset: 'other.jsonl' });
    expect(other.failure.message).toContain(`line 1: /to: text is embedded in ${id}, and the alignment is of clip`);
    expect((await fixture.json('/v1/alignments', { name: 'x', from: id, to: id, dataset: 'no' })).status).toBe(404);
  });
});
