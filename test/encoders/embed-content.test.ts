import { describe, expect, it } from 'vitest';
import type { Modality } from '#shared/core/modality.ts';
import { createContentEmbedder, meanDirection } from '#shared/encoders/embed-content.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';

/** An encoder whose vector of a clip is [its first sample, its last sample], normalised, and which remembers its inputs. */
function recorder(modalities: readonly Modality[]) {
  const seen: unknown[] = [];
  const encoder: Encoder = {
    space: { id: 'test', dimensions: 2, calibration: {} },
    modalities: new Set(modalities),
    image: modalities.includes('image') ? { width: 2, height: 2, fit: 'squash', filter: 'bilinear' } : undefined,
    audio: modalities.includes('audio') ? { sampleRateHz: 10, windowSeconds: 1 } : undefined,
    maxTokens: 8,
    queryTemplates: {},
    embedTexts: async (texts) => {
      seen.push(...texts);
      return Float32Array.from(texts.flatMap((_, i) => (i % 2 === 0 ? [1, 0] : [0, 1])));
    },
    embedImages: async (images) => {
      seen.push(...images);
      return Float32Array.of(0, 1);
    },
    embedAudio: async (clips) => {
      seen.push(...clips);
      const [clip] = clips;
      return clip?.[0] === 1 ? Float32Array.of(1, 0) : Float32Array.of(0, 1);
    },
    close: async () => {},
  };
  return { encoder, seen };
}

const samples = (length: number, firstOnes: number) => Float32Array.from({ length }, (_, t) => (t < firstOnes ? 1 : 0));

describe('content of a request', () => {
  it('gives each text its row', async () => {
    const { encoder } = recorder(['text']);
    const vectors = await createContentEmbedder(encoder, never).texts(['a', 'b', 'c']);
    expect(vectors.map((vector) => [...vector])).toEqual([
      [1, 0],
      [0, 1],
      [1, 0],
    ]);
    expect(await createContentEmbedder(recorder([]).encoder, never).texts([])).toEqual([]);
  });

  it('is cut before a text of a megabyte stops the process', async () => {
    const { encoder, seen } = recorder(['text']);
    await createContentEmbedder(encoder, never).texts(['word '.repeat(200_000)]);
    expect((seen[0] as string).length).toBeLessThan(20_000);
  });

  it('is decoded to the geometry and rate of the model', async () => {
    const asked: unknown[] = [];
    const { encoder } = recorder(['image', 'audio']);
    const embedder = createContentEmbedder(encoder, {
      image: async (_bytes, geometry) => {
        asked.push(geometry);
        return { width: 2, height: 2, data: new Uint8Array(12) };
      },
      audio: async (_bytes, sampleRateHz) => {
        asked.push(sampleRateHz);
        return samples(5, 5);
      },
    });
    expect([...(await embedder.image(new Uint8Array()))]).toEqual([0, 1]);
    expect([...(await embedder.audio(new Uint8Array()))]).toEqual([1, 0]);
    expect(asked).toEqual([encoder.image, 10]);
  });

  it('of a long sound is the mean direction of its windows', async () => {
    const { encoder, seen } = recorder(['audio']);
    const embedder = createContentEmbedder(encoder, { ...never, audio: async () => samples(20, 10) });
    const vector = await embedder.audio(new Uint8Array());
    expect(seen.map((clip) => (clip as Float32Array).length)).toEqual([10, 10]);
    expect(vector[0]).toBeCloseTo(Math.SQRT1_2, 6);
    expect(vector[1]).toBeCloseTo(Math.SQRT1_2, 6);
  });

  it('without a sample, or without a tower for it, is refused', async () => {
    const silent = createContentEmbedder(recorder(['audio']).encoder, { ...never, audio: async () => samples(0, 0) });
    await expect(silent.audio(new Uint8Array())).rejects.toMatchObject({ code: 'corrupt_input' });
    const blind = createContentEmbedder(recorder(['audio']).encoder, never);
    await expect(blind.image(new Uint8Array())).rejects.toMatchObject({ code: 'unsupported_modality' });
    await expect(blind.texts(['a'])).rejects.toMatchObject({ code: 'unsupported_modality' });
  });
});

const never = {
  image: async () => {
    throw new Error('no picture is decoded here');
  },
  audio: async () => {
    throw new Error('no sound is decoded here');
  },
};

it('meanDirection refuses no vectors and vectors that cancel out', () => {
  expect(() => meanDirection([])).toThrow(/at least one/);
  expect(() => meanDirection([Float32Array.of(1, 0), Float32Array.of(-1, 0)])).toThrow();
});
