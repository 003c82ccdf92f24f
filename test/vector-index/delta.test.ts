import { tableFromIPC } from 'apache-arrow';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changeSizeBytes, decodeDelta, encodeDelta, sha256 } from '#shared/vector-index/delta.ts';
import { changes, DIMENSIONS } from './arbitrary-changes.ts';
import { put, remove } from './sample-changes.ts';

const space = { id: 'test-space', dimensions: DIMENSIONS };
const vector = Float32Array.from({ length: DIMENSIONS }, (_, d) => (d === 0 ? 1 : 0));

describe('a delta', () => {
  it('gives back the changes that were written', () => {
    fc.assert(
      fc.property(changes, (written) => {
        const { bytes, digest } = encodeDelta(written, space);
        expect(decodeDelta(bytes, digest, space, 'd')).toEqual(written);
        expect(decodeDelta(Buffer.concat([Buffer.from('x'), bytes]).subarray(1), digest, space, 'd')).toEqual(written); // unaligned
      }),
    );
  });

  it('is an Arrow table with a row for each part and for each tombstone', () => {
    const part = { range: { startSeconds: 1, endSeconds: 2.5 }, text: 'words' };
    const { bytes } = encodeDelta([put({ key: 'a' }, vector, part), put({ key: 'failed' }), remove('b', '2')], space);
    const table = tableFromIPC(bytes);
    expect(Object.fromEntries(table.schema.fields.map(({ name, type }) => [name, String(type)]))).toEqual({
      operation: 'Utf8',
      key: 'Utf8',
      sequencer: 'Utf8',
      item: 'Utf8',
      ordinal: 'Int32',
      start_seconds: 'Float64',
      end_seconds: 'Float64',
      start_char: 'Int32',
      end_char: 'Int32',
      text: 'Utf8',
      vector: `FixedSizeList[${DIMENSIONS}]<Float32>`,
    });
    const rows = table.toArray().map((row) => row.toJSON());
    expect(rows.map(({ operation, key, ordinal, text }) => [operation, key, ordinal, text])).toEqual([
      ['put', 'a', 0, null],
      ['put', 'a', 1, 'words'],
      ['put', 'failed', null, null],
      ['delete', 'b', null, null],
    ]);
    expect(JSON.parse(rows[0]!.item)).toMatchObject({ key: 'a' });
    expect(rows[1]!.item).toBeNull();
    expect(Array.from(rows[0]!.vector as Iterable<number>)).toEqual(Array.from(vector));
    expect(rows[1]!.vector).toBeNull();
  });

  it('holds vectors as views of its bytes, without a copy', () => {
    const { bytes, digest } = encodeDelta([put({ key: 'a' }, vector)], space);
    const [change] = decodeDelta(bytes, digest, space, 'd');
    expect(change?.operation === 'put' && change.parts[0]!.vector!.buffer).toBe(bytes.buffer);
  });

  it('with any flipped byte is refused', () => {
    const { bytes, digest } = encodeDelta([put({ key: 'a' }, vector)], space);
    expect(digest).toBe(sha256(bytes));
    for (let i = 0; i < bytes.length; i += 7) {
      const damaged = bytes.slice();
      damaged[i]! ^= 0x40;
      expect(() => decodeDelta(damaged, digest, space, 'the-name')).toThrow(/the-name is damaged/);
    }
  });

  it('of another space or size is refused', () => {
    const { bytes, digest } = encodeDelta([put({ key: 'a' }, vector)], space);
    expect(() => decodeDelta(bytes, digest, { ...space, id: 'other' }, 'd')).toThrow(/expected .* of space other/);
    expect(() => decodeDelta(bytes, digest, { ...space, dimensions: 4 }, 'd')).toThrow(/with 4 dimensions/);
  });

  it('is estimated no smaller than nine tenths of what it takes', () => {
    const batch = Array.from({ length: 200 }, (_, i) => put({ key: `k${i}` }, vector, { text: 'é'.repeat(i) }));
    const estimate = batch.reduce((sum, change) => sum + changeSizeBytes(change, DIMENSIONS), 0);
    expect(estimate).toBeGreaterThan(0.9 * encodeDelta(batch, space).bytes.length);
  });
});
