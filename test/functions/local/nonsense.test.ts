/**
 * The bundled model over the built-in collection: what nobody can mean gets an honest empty answer. Only properties are
 * asked for, so that they hold for whatever weights are bundled.
 */

import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeSample } from '#functions/local/sample/write-sample.ts';
import { temporaryFolder } from '../../store/temporary-folder.ts';
import { startLocal } from './local-system.ts';

const NONSENSE = ['xqzv blorf', 'qqqqq wwwww', 'asdf ghjk', 'gnarp fleeb', 'hjkl', 'zzz', 'vbnm qwrt zxcv', 'blorf'];
const LIMIT = 5;

it('answers nonsense with nothing, and says how much there would be without the threshold', async () => {
  const root = await temporaryFolder();
  await writeSample(join(root, 'media'));
  const { settle, get } = await startLocal(root, ['starter']);
  await settle();
  const ask = (words: string, more: string) => get(`/v1/search?q=${encodeURIComponent(words)}&limit=${LIMIT}${more}`);
  for (const words of NONSENSE) {
    expect(await ask(words, '&minProbability=0.5'), words).toMatchObject({ results: [], belowThreshold: LIMIT });
    const { results } = await ask(words, ''); // nothing is left out unasked, and nothing is made to look likely
    expect(results, words).toHaveLength(LIMIT);
    for (const { probability, matched } of results) {
      expect(matched, words).toBe('vector');
      expect(probability, words).toBeLessThan(0.5);
    }
  }
  const { results } = await ask('a red circle', '&minProbability=0.5&mode=vector');
  expect(results.length).toBeGreaterThan(0);
}, 60_000);
