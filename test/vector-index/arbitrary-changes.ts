/**
 * Random changes of few keys, so that they often meet. What one version of an object (key and sequencer) holds is a
 * function of both: redelivery brings the same content again, as it does in life.
 */

import fc from 'fast-check';
import type { Change, Part } from '#shared/catalog/item.ts';
import { randomVector, sampleItem, seededRandom } from './sample-changes.ts';

export const DIMENSIONS = 8;
const KEYS = ['a', 'a/b', 'b/IMG_1.jpg', 'é', 'z'];

export const change: fc.Arbitrary<Change> = fc
  .record({ key: fc.nat(KEYS.length - 1), version: fc.integer({ min: 1, max: 12 }), isDelete: fc.nat(3) })
  .map(({ key, version, isDelete }) => changeOf(KEYS[key]!, key, version, isDelete === 0));

export const changes: fc.Arbitrary<Change[]> = fc.array(change, { minLength: 1, maxLength: 5 });

function changeOf(key: string, keyNumber: number, version: number, isDelete: boolean): Change {
  const sequencer = String(version).padStart(4, '0');
  if (isDelete) return { operation: 'delete', key, sequencer };
  const random = seededRandom(keyNumber * 100 + version);
  const parts = Array.from({ length: Math.floor(random() * 4) }, (_, i) => partOf(random, i));
  const item = sampleItem({
    key,
    sequencer,
    etag: `${key}@${version}`,
    status: parts.length === 0 ? 'failed' : 'indexed',
    modality: random() < 0.5 ? 'image' : 'text',
    sizeBytes: version,
    attributes: { label: random() < 0.5 ? 'cat' : 'dog', n: version, tags: [version % 2 === 0, 'x'] },
    ...(random() < 0.3 ? { title: 'beta' } : {}),
  });
  return { operation: 'put', item, parts };
}

function partOf(random: () => number, ordinal: number): Part {
  return {
    range: random() < 0.5 ? null : { startSeconds: ordinal, endSeconds: ordinal + 1.5 },
    ...(random() < 0.5 ? { text: random() < 0.5 ? 'some alpha text' : 'beta' } : {}),
    ...(random() < 0.8 ? { vector: randomVector(random, DIMENSIONS) } : {}),
  };
}
