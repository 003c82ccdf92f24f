import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openReader } from '#shared/answer/open-reader.ts';
import type { Reader } from '#shared/answer/reader.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { colourPicture } from '../functions/api/api-fixture.ts';
import { makeFlorence2, makeSmolVlm } from '../models/make-generative-models.ts';
import { temporaryFolder } from '../store/temporary-folder.ts';

const deps = { openSession: createOnnxSession };

describe.each([
  ['SmolVLM', makeSmolVlm],
  ['Florence-2', makeFlorence2],
] as const)('a model in the layout of %s', (_, make) => {
  let folder: string;
  let reader: Reader;
  beforeAll(async () => {
    folder = await make(join(await temporaryFolder(), 'writer'));
    reader = await openReader(folder, deps);
  });
  afterAll(() => reader.close());

  it('writes what it sees', async () => {
    for (const [name, css] of Object.entries({ red: '#f00', blue: '#00f', white: '#fff' })) {
      const image = await colourPicture(css, 40, 30);
      const [candidate] = await reader.read({ image, question: 'what colour is it?' });
      expect(candidate).toMatchObject({ answer: `it is ${name}` });
      expect(candidate!.confidence).toBeGreaterThan(reader.abstainBelow);
      expect(candidate!.confidence).toBeLessThanOrEqual(1);
    }
  });

  it('streams the words as they are written', async () => {
    const pieces: string[] = [];
    const image = await colourPicture('#f00');
    const [candidate] = await reader.read({ image, question: 'what?', onText: (text) => pieces.push(text) });
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('').trim()).toBe(candidate!.answer);
  });

  it('describes a picture by itself', async () => {
    const caption = await reader.captioner!.caption({ image: await colourPicture('#00f') });
    expect(caption).toMatchObject({ caption: 'it is blue' });
  });

  it('stops when nobody waits any more', async () => {
    const image = await colourPicture('#f00');
    await expect(reader.read({ image, question: 'what?', signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'cancelled',
    });
  });

  it('stops in the middle of its words, and answers the next question', async () => {
    const image = await colourPicture('#f00');
    const stopping = new AbortController();
    const onText = () => stopping.abort();
    const stopped = reader.read({ image, question: 'what?', onText, signal: stopping.signal });
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
    expect(await reader.read({ image, question: 'what?' })).toMatchObject([{ answer: 'it is red' }]);
  });

  it('answers several who ask at once, each with the own words', async () => {
    const ask = async (css: string) => {
      const pieces: string[] = [];
      const image = await colourPicture(css);
      const [candidate] = await reader.read({ image, question: 'what?', onText: (text) => pieces.push(text) });
      expect(pieces.join('').trim()).toBe(candidate!.answer);
      return candidate!.answer;
    };
    expect(await Promise.all(['#f00', '#00f', '#fff'].map(ask))).toEqual(['it is red', 'it is blue', 'it is white']);
  });

  it('is closed while it writes, and before it has begun', async () => {
    const closed = await openReader(folder, deps);
    const image = await colourPicture('#f00');
    const cancelled = { code: 'cancelled' };
    const begun = Promise.withResolvers<string>();
    const writing = expect(closed.read({ image, question: 'what?', onText: begun.resolve })).rejects.toMatchObject(
      cancelled,
    );
    await begun.promise;
    const waiting = expect(closed.read({ image, question: 'what?' })).rejects.toMatchObject(cancelled);
    await Promise.all([closed.close(), writing, waiting]);
    await expect(closed.read({ image, question: 'what?' })).rejects.toMatchObject(cancelled);
  });

  it('refuses what is no picture', async () => {
    await expect(reader.read({ image: Buffer.from('hello'), question: 'what?' })).rejects.toMatchObject({
      code: 'unsupported_type',
    });
  });

  it('with a card is refused when the card does not list what the model is made of', async () => {
    const carded = await make(join(await temporaryFolder(), 'carded'));
    const card = { name: 'writer', version: '1', licence: 'MIT', files: {} };
    await writeFile(join(carded, 'chiasm.json'), JSON.stringify(card));
    await expect(openReader(carded, deps)).rejects.toMatchObject({
      code: 'model_invalid',
      message: expect.stringMatching(/config\.json: the model uses it.*onnx\/embed_tokens\.onnx: the model uses it/),
    });
  });

  it('without one of its graphs is refused with its name', async () => {
    const broken = await make(join(await temporaryFolder(), 'broken'));
    await rm(join(broken, 'onnx', 'vision_encoder.onnx'));
    await expect(openReader(broken, deps)).rejects.toMatchObject({
      code: 'model_invalid',
      message: expect.stringContaining('vision_encoder'),
    });
  });
});
