/** What is said in sounds: found by words with its seconds, answered from, and asked with. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeModelFolder } from '../../models/make-model-folder.ts';
import { makeWhisper } from '../../models/make-whisper.ts';
import { DEEP_HZ, HIGH_HZ, MIDDLE_HZ, toneFile } from '../../speech/tones.ts';
import { bodyOf, colourPicture } from '../api/api-fixture.ts';
import { startLocal } from './local-system.ts';

let root: string;
let model: string;
let sounds: string;
let speechFolder: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'chiasm-speech-'));
  await mkdir(join(root, 'media'));
  const files: Record<string, Uint8Array> = {
    'meeting.wav': toneFile([DEEP_HZ, 2], [0, 2], [MIDDLE_HZ, 2], [HIGH_HZ, 2]),
    'copy.wav': toneFile([DEEP_HZ, 2], [0, 2], [MIDDLE_HZ, 2], [HIGH_HZ, 2]),
    'wind.wav': toneFile([0, 1]),
    'red.png': await colourPicture('#f00'),
  };
  await Promise.all(Object.entries(files).map(([name, bytes]) => writeFile(join(root, 'media', name), bytes)));
  model = await makeModelFolder(join(root, 'model'));
  sounds = await makeModelFolder(join(root, 'sounds'), { seed: 4 });
  speechFolder = await makeWhisper(join(root, 'whisper'), { card: true });
});
afterAll(() => rm(root, { recursive: true, force: true }));

const lexical = (query: string) => ({ query, mode: 'lexical' });

describe('what is said in sounds', () => {
  it('is written down once there is a speech model, for sounds indexed before too; it is found and answers', async () => {
    const deaf = await startLocal(root, [model]);
    await deaf.settle();
    expect((await deaf.get('/v1/items/meeting.wav')).transcript).toBeUndefined();
    expect(await bodyOf(deaf.post('/v1/search', lexical('green')))).toMatchObject({ results: [] });
    expect((await deaf.get('/v1/models')).speech).toBeUndefined();
    await deaf.close();

    const system = await startLocal(root, [model], { speechFolder });
    await system.settle();
    const item = await system.get('/v1/items/meeting.wav');
    expect(item.transcript).toEqual([
      { startSeconds: 0, endSeconds: 1, text: 'it is red' },
      { startSeconds: 4, endSeconds: 5, text: 'it is green' },
      { startSeconds: 6, endSeconds: 7, text: 'it is blue' },
    ]);
    const ranges = [{ startSeconds: 0 }, { endSeconds: 8 }];
    expect(item).toMatchObject({ transcribedBy: 'tiny-whisper-1', parts: 2, ranges });
    expect(await system.get('/v1/items/wind.wav')).toMatchObject({ status: 'indexed', parts: 1, transcript: [] });
    expect((await system.get('/v1/items/red.png')).transcript).toBeUndefined();
    expect(await system.get('/v1/models')).toMatchObject({ speech: { name: 'tiny-whisper-1', licence: 'Apache-2.0' } });
    expect(await system.spaces.catchUp()).toBe(0);

    for (const state of ['fresh', 'folded']) {
      if (state === 'folded') await system.spaces.compact();
      const { results } = await bodyOf(system.post('/v1/search', lexical('green')));
      expect(results, state).toHaveLength(2);
      for (const result of results) {
        expect(result).toMatchObject({ modality: 'audio', part: { startSeconds: 4, endSeconds: 5 } });
        expect(result.snippet).toMatch(/it is .*green/);
      }
    }

    const scope = { filter: { modality: 'audio' } };
    const quoted = await bodyOf(system.post('/v1/answer', { question: 'what is green?', scope }));
    const evidence = ['copy.wav', 'meeting.wav'].map((key) => ({ key, part: { startSeconds: 4, endSeconds: 5 } }));
    expect(quoted).toMatchObject({ answer: 'it is green', abstained: false });
    const byKey = (a: { key: string }, b: { key: string }) => a.key.localeCompare(b.key); // the two sound alike: either may come first
    expect(quoted.evidence.toSorted(byKey)).toMatchObject(evidence);
    const data = Buffer.from(toneFile([DEEP_HZ, 1.5])).toString('base64');
    const spoken = { question: { audio: { data } }, image: { item: 'red.png' } };
    expect(await bodyOf(system.post('/v1/answer', spoken))).toMatchObject({ question: 'it is red' });
    const silence = { question: { audio: { item: 'wind.wav' } } };
    expect(await bodyOf(system.post('/v1/answer', silence))).toMatchObject({
      code: 'corrupt_input',
      detail: expect.stringContaining('no speech was heard'),
    });
  }, 180_000);

  it('lies in every space that has the sound', async () => {
    const system = await startLocal(root, [model, `${sounds}:audio`], { speechFolder, dataFolder: join(root, 'two') });
    await system.settle();
    expect((await system.get('/v1/items/meeting.wav')).transcript).toHaveLength(3);
    const { results } = await bodyOf(system.post('/v1/search', lexical('green')));
    expect(results.map(({ key }: { key: string }) => key).sort()).toEqual(['copy.wav', 'meeting.wav']);
  }, 180_000);
});
