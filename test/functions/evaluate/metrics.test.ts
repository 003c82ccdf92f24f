import { describe, expect, it } from 'vitest';
import { evaluateClassification, expectedCalibrationError } from '#functions/evaluate/classification.ts';
import { bootstrapInterval, wilsonEstimate } from '#functions/evaluate/confidence-interval.ts';
import { evaluateRetrieval } from '#functions/evaluate/retrieval.ts';

const unit = (degrees: number) =>
  Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180));

describe('retrieval', () => {
  it('is perfect when every text lies on its own picture', () => {
    const images = [0, 90, 180, 270].map(unit);
    const report = evaluateRetrieval({ images, captions: images.map((image) => [image, image]) });
    expect(report.textToImage[1]).toMatchObject({ value: 1, low: 1, high: 1, n: 4 });
    expect(report.imageToText[1]!.value).toBe(1);
  });

  it('counts the rank of each text among the pictures, and the best own text among all texts', () => {
    // the texts of picture 0 lie at 100 and 10 degrees: nearest pictures are number 1 and number 0
    const report = evaluateRetrieval({ images: [unit(0), unit(90)], captions: [[unit(100), unit(10)], [unit(95)]] });
    expect(report.textToImage[1]!.value).toBeCloseTo(2 / 3);
    expect(report.imageToText[1]!.value).toBe(1);
    expect(report.textToImage[5]!.value).toBe(1);
  });

  it('counts ties against the query', () => {
    const same = unit(0);
    const report = evaluateRetrieval({ images: [same, unit(0)], captions: [[same], [same]] });
    expect(report.textToImage[1]!.value).toBe(0);
  });
});

describe('classification', () => {
  const outcomes = [
    { truth: 'a', predicted: 'a', probability: 0.9 },
    { truth: 'a', predicted: 'b', probability: 0.6 },
    { truth: 'b', predicted: 'b', probability: 0.8 },
    { truth: 'c', predicted: 'b', probability: 0.5 },
  ];

  it('gives accuracy, macro F1, chance and the most frequent confusions', () => {
    const report = evaluateClassification(outcomes, ['a', 'b', 'c']);
    expect(report.accuracy.value).toBe(0.5);
    expect(report.macroF1).toBeCloseTo((2 / 3 + 2 / 4 + 0) / 3);
    expect(report.chance).toBeCloseTo(1 / 3);
    expect(report.confusions).toContainEqual({ truth: 'a', predicted: 'b', count: 1 });
  });

  it('measures calibration as the gap between confidence and accuracy, bin by bin', () => {
    const predictions = [
      { probability: 0.95, right: true },
      { probability: 0.91, right: false },
      { probability: 0.15, right: false },
    ];
    // bins: [0.95, 0.91] with accuracy 0.5, [0.15] with accuracy 0
    expect(expectedCalibrationError(predictions)).toBeCloseTo((Math.abs(1.86 - 1) + 0.15) / 3);
  });

  it('is perfectly calibrated when confidence equals accuracy', () => {
    const predictions = Array.from({ length: 10 }, (_, i) => ({ probability: 0.8, right: i < 8 }));
    expect(expectedCalibrationError(predictions)).toBeCloseTo(0);
  });
});

describe('confidence intervals', () => {
  it("are Wilson's for shares: 81 of 263 and 0 of 20 as in Newcombe 1998, method 3", () => {
    expect(wilsonEstimate(81, 263)).toMatchObject({ low: expect.closeTo(0.2553, 4), high: expect.closeTo(0.3662, 4) });
    expect(wilsonEstimate(0, 20)).toMatchObject({ low: 0, high: expect.closeTo(0.1611, 4) });
  });

  it('are bootstrapped over whole groups, the same at every run', () => {
    const groups = Array.from({ length: 100 }, (_, i) => ({ sum: i % 2 === 0 ? 5 : 0, count: 5 }));
    const interval = bootstrapInterval(groups);
    expect(interval).toEqual(bootstrapInterval(groups));
    expect(interval.value).toBe(0.5);
    expect(interval.low).toBeGreaterThan(0.36); // binomial over 100 groups: 0.5 +- 0.098
    expect(interval.low).toBeLessThan(0.44);
    expect(interval.high).toBeGreaterThan(0.56);
    expect(interval.high).toBeLessThan(0.64);
  });
});
