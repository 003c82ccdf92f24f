import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createImageTensor } from '#shared/encoders/image-tensor.ts';

const geometry = { width: 2, height: 1, fit: 'squash', filter: 'bicubic' } as const;

describe('the tensor of pictures', () => {
  it('holds planes of red, green and blue, one picture after the other', () => {
    const toTensor = createImageTensor({ geometry, rescaleFactor: 1, mean: [0, 0, 0], std: [1, 1, 1] });
    const tensor = toTensor([
      { width: 2, height: 1, data: Uint8Array.of(1, 2, 3, 4, 5, 6) },
      { width: 2, height: 1, data: Uint8Array.of(7, 8, 9, 10, 11, 12) },
    ]);
    expect(tensor.shape).toEqual([2, 3, 1, 2]);
    expect([...tensor.data]).toEqual([1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12]);
  });

  it('is (byte x rescale - mean) / std of each channel', () => {
    const mean = [0.48145466, 0.4578275, 0.40821073] as const;
    const std = [0.26862954, 0.26130258, 0.27577711] as const;
    const toTensor = createImageTensor({ geometry, rescaleFactor: 1 / 255, mean, std });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (data) => {
        const tensor = toTensor([{ width: 2, height: 1, data }]);
        for (let channel = 0; channel < 3; channel++) {
          for (let pixel = 0; pixel < 2; pixel++) {
            const expected = (data[pixel * 3 + channel]! / 255 - mean[channel]!) / std[channel]!;
            expect(tensor.data[channel * 2 + pixel]).toBe(Math.fround(expected));
          }
        }
      }),
    );
  });

  it('refuses pixels of another geometry', () => {
    const toTensor = createImageTensor({ geometry, rescaleFactor: 1, mean: [0, 0, 0], std: [1, 1, 1] });
    expect(() => toTensor([{ width: 1, height: 2, data: new Uint8Array(6) }])).toThrow(
      /expected 2 x 1 RGB pixels; got 1 x 2/,
    );
    expect(() => toTensor([{ width: 2, height: 1, data: new Uint8Array(8) }])).toThrow(/in 8 bytes/);
  });
});
