/** Data sets that are wrong, large, or not there. */

import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { exampleSchema } from '#shared/datasets/example.ts';
import { createProblems } from '#shared/datasets/problems.ts';
import { readJsonLines } from '#shared/datasets/read-json-lines.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';

const row = (inputs: object = { text: 'x' }, labels: object = { a: 'b' }) => JSON.stringify({ inputs, labels });

async function read(text: string, limits?: { rows: number; bytes: number }) {
  const store = createMemoryObjectStore();
  await store.put('set.jsonl', Buffer.from(text));
  const problems = createProblems();
  const rows = await readJsonLines(store, 'set.jsonl', exampleSchema, problems, limits);
  return { rows, problems, refuse: () => problems.refuse('set.jsonl') };
}

const issuesOf = (refuse: () => void) => {
  try {
    refuse();
  } catch (thrown) {
    return (thrown as { issues: { path: string; message: string }[] }).issues;
  }
  return [];
};

describe('rows of a data set', () => {
  it('are read with their line numbers, whatever ends a line', async () => {
    const { rows, refuse } = await read(`\ufeff${row()}\r\n\r\n${row({ signals: { s: [1, null, -2.5] } })}\n  \n`);
    refuse();
    expect(rows.map(({ line }) => line)).toEqual([1, 3]);
    expect(rows[1]!.inputs.signals).toEqual({ s: [1, null, -2.5] });
  });

  it.each([
    ['no JSON', 'hello', /expected one JSON object in a line, got "hello"/],
    ['cut off', row().slice(0, 12), /expected one JSON object/],
    ['no object', '[1, 2]', /expected object/],
    ['NaN', '{"inputs": {"signals": {"s": [NaN]}}, "labels": {"a": "b"}}', /write null for a missing value/],
    ['too great for float32', row({ signals: { s: [1e300] } }), /inputs.signals.s.0/],
    ['infinite', '{"inputs": {"signals": {"s": [1e999]}}, "labels": {"a": "b"}}', /inputs.signals.s.0/],
    ['a text as number', row({ signals: { s: ['36.6'] } }), /expected number/],
    ['an empty signal', row({ signals: { s: [] } }), /inputs.signals.s/],
    ['nothing to see', row({}), /at least one of "image", "audio", "text", "signals"/],
    ['a text of spaces only', row({ text: '  ' }), /at least one of/],
    ['a key that climbs', row({ image: '../secret.png' }), /must not contain/],
    ['an unknown input', row({ text: 'x', smell: 'sweet' }), /[Uu]nrecognized key/],
    ['no label', row({ text: 'x' }, {}), /expected a label/],
    ['an empty label', row({ text: 'x' }, { a: '' }), /labels.a/],
    ['half a surrogate', '{"inputs": {"text": "x"}, "labels": {"a": "\\ud800"}}', /well-formed/],
    [
      'prototype pollution',
      '{"inputs": {"text": "x"}, "labels": {"a": "b"}, "__proto__": {"split": "test"}}',
      /[Uu]nrecognized/,
    ],
  ])('are refused with their place: %s', async (_, text, message) => {
    const { rows, refuse } = await read(`${row()}\n${text}\n${row()}`);
    const issues = issuesOf(refuse);
    expect(issues).toHaveLength(1);
    expect(issues[0]).toMatchObject({ path: 'line 2', message: expect.stringMatching(message) });
    expect(rows).toHaveLength(2);
  });

  it('are told by the hundred, the others counted', async () => {
    const { refuse } = await read(Array.from({ length: 250 }, () => '{}').join('\n'));
    const issues = issuesOf(refuse);
    expect(issues).toHaveLength(101);
    expect(issues.at(-1)!.message).toBe('and 400 more problems'); // two for each row
  });

  it('are no more than the limit: the rest of a million is not read', async () => {
    let sent = 0;
    const text = Buffer.from(`${row()}\n`.repeat(1_000));
    const body = Readable.from(
      (function* () {
        for (; sent < 1_000; sent++) yield text;
      })(),
    );
    const info = { key: 'set.jsonl', etag: 'e', sizeBytes: 1_000 * text.length, modifiedAtMs: 0 };
    const store = { stream: async () => ({ ...info, body }) };
    const reading = readJsonLines(store, 'set.jsonl', exampleSchema, createProblems(), { rows: 5_000, bytes: 1e9 });
    await expect(reading).rejects.toMatchObject({
      code: 'too_large',
      message: expect.stringMatching(/at most 5000 rows/),
    });
    expect(sent).toBeLessThan(100);
    expect(body.destroyed).toBe(true);
    await expect(read(row(), { rows: 10, bytes: 5 })).rejects.toMatchObject({ code: 'too_large' });
  });

  it('must be there', async () => {
    const store = createMemoryObjectStore();
    await expect(readJsonLines(store, 'no', exampleSchema, createProblems())).rejects.toMatchObject({
      code: 'not_found',
    });
    expect(issuesOf((await read('\n\n')).refuse)[0]!.message).toMatch(/empty object/);
  });
});
