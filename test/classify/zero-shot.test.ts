import { describe, expect, it } from 'vitest';
import { createZeroShotClassifier } from '#shared/classify/zero-shot.ts';
import { normalize } from '#shared/core/vector.ts';
import type { Space } from '#shared/encoders/space.ts';

const axis = (d: number) => Float32Array.from({ length: 3 }, (_, i) => (i === d ? 1 : 0));
const VECTORS: Readonly<Record<string, Float32Array>> = {
  'a photo of a cat': axis(0),
  'a photo of a dog': axis(1),
  'a blurry photo of a dog': normalize(Float32Array.of(0, 1, 1)),
  cat: axis(2),
  dog: axis(1),
  'some cat': axis(0),
};
const space: Space = { id: 's', dimensions: 3, calibration: { 'image-text': { scale: 10, bias: -4 } } };

function classifier(calibration = space.calibration) {
  const asked: string[] = [];
  const labelSpace = {
    encoder: { space: { ...space, calibration }, queryTemplates: { image: ['a photo of a {}'] } },
    embedder: {
      texts: async (texts: readonly string[]) => {
        asked.push(...texts);
        return texts.map((text) => VECTORS[text] ?? axis(2));
      },
    },
  };
  const { classify } = createZeroShotClassifier({ spaceOf: () => labelSpace });
  return { classify, asked };
}

describe('zero-shot classification', () => {
  it('is a softmax of scaled cosines with the prompts of the model', async () => {
    const { classify, asked } = classifier();
    const labels = await classify({
      input: { vectors: { image: axis(1) } },
      labels: [{ name: 'cat' }, { name: 'dog' }],
      multiLabel: false,
    });
    expect(asked).toEqual(['a photo of a cat', 'a photo of a dog']);
    expect(labels.map(({ name }) => name)).toEqual(['dog', 'cat']);
    expect(labels[0]!.probability).toBeCloseTo(1 / (1 + Math.exp(-10)), 6);
    expect(labels[0]!.probability + labels[1]!.probability).toBeCloseTo(1, 12);
  });

  it('takes each label by itself with multiLabel', async () => {
    const { classify } = classifier();
    const labels = await classify({
      input: { vectors: { image: axis(1) } },
      labels: [{ name: 'cat' }, { name: 'dog' }],
      multiLabel: true,
    });
    expect(labels[0]!.probability).toBeCloseTo(1 / (1 + Math.exp(-6)), 6);
    expect(labels[1]!.probability).toBeCloseTo(1 / (1 + Math.exp(4)), 6);
  });

  it('takes the mean direction of several prompts, given in place of the templates', async () => {
    const { classify } = classifier();
    const prompts = ['a photo of a dog', 'a blurry photo of a dog'];
    const mean = normalize(Float32Array.of(0, 1 + Math.SQRT1_2, Math.SQRT1_2));
    const [label] = await classify({
      input: { vectors: { image: axis(1) } },
      labels: [{ name: 'dog', prompts }],
      multiLabel: true,
    });
    expect(label!.probability).toBeCloseTo(1 / (1 + Math.exp(-(10 * mean[1]! - 4))), 6);
  });

  it('weighs the parts of an input equally', async () => {
    const { classify } = classifier({ ...space.calibration, 'text-text': { scale: 4, bias: 0 } });
    const labels = await classify({
      input: { vectors: { image: axis(0), text: axis(1) } },
      labels: [
        { name: 'cat', prompts: ['some cat'] },
        { name: 'dog', prompts: ['dog'] },
      ],
      multiLabel: false,
    });
    // logits: cat (10 - 4 + 0) / 2 = 3, dog (-4 + 4) / 2 = 0
    expect(labels[0]).toMatchObject({ name: 'cat' });
    expect(labels[0]!.probability).toBeCloseTo(1 / (1 + Math.exp(-3)), 6);
  });

  it('embeds a prompt once, however often it is asked for', async () => {
    const { classify, asked } = classifier();
    const request = {
      input: { vectors: { image: axis(1) } },
      labels: [{ name: 'cat' }, { name: 'dog' }],
      multiLabel: false,
    };
    const first = await classify(request);
    expect(await classify({ ...request, labels: [...request.labels].reverse() })).toEqual(first);
    expect(asked).toHaveLength(2);
  });

  it('puts a name with "$&" into the template as it is', async () => {
    const { classify, asked } = classifier();
    await classify({ input: { vectors: { image: axis(1) } }, labels: [{ name: '$& {}' }], multiLabel: false });
    expect(asked).toEqual(['a photo of a $& {}']);
  });

  it('refuses labels that occur twice, and multiLabel without a calibration', async () => {
    const input = { vectors: { image: axis(1) } };
    await expect(
      classifier().classify({ input, labels: [{ name: 'cat' }, { name: 'cat' }], multiLabel: false }),
    ).rejects.toMatchObject({ code: 'invalid_request', issues: [{ path: '/labels/1' }] });
    await expect(classifier({}).classify({ input, labels: [{ name: 'cat' }], multiLabel: true })).rejects.toMatchObject(
      {
        code: 'unsupported_modality',
      },
    );
    const uncalibrated = await classifier({}).classify({
      input,
      labels: [{ name: 'cat' }, { name: 'dog' }],
      multiLabel: false,
    });
    expect(uncalibrated[0]!.name).toBe('dog');
  });
});
