/** Pictures to vectors, and where the tower gives them, to feature maps. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { Pixels } from '#shared/media/image.ts';
import type { ImagePreprocessing } from '#shared/models/image-preprocessing.ts';
import type { ImageFeatures } from './encoder.ts';
import { createImageTensor } from './image-tensor.ts';
import type { Tower } from './tower.ts';

export interface ImageEmbedder {
  embed(images: readonly Pixels[]): Promise<Float32Array>;
  features: ((images: readonly Pixels[]) => Promise<ImageFeatures>) | undefined;
  /** The vector [D] of a fixed picture. */
  probe(): Promise<Float32Array>;
}

export function createImageEmbedder(tower: Tower, preprocessing: ImagePreprocessing, maxBatch: number): ImageEmbedder {
  const { width, height } = preprocessing.geometry;
  requireSize(tower, width, height);
  const toTensor = createImageTensor(preprocessing);
  const batchSize = tower.fixedInputSize(0) ?? maxBatch;

  const embed = async (images: readonly Pixels[]): Promise<Float32Array> => {
    const runs: Float32Array[] = [];
    for (let start = 0; start < images.length; start += batchSize) {
      const batch = images.slice(start, start + batchSize);
      runs.push(await tower.embed({ pixel_values: toTensor(batch) }, batch.length));
    }
    return concatenate(runs);
  };

  const features = async (images: readonly Pixels[]): Promise<ImageFeatures> => {
    const runs: Awaited<ReturnType<Tower['embedWithFeatures']>>[] = [];
    for (let start = 0; start < images.length; start += batchSize) {
      const batch = images.slice(start, start + batchSize);
      runs.push(await tower.embedWithFeatures({ pixel_values: toTensor(batch) }, batch.length));
    }
    const maps = runs.map((run) => run.features?.data).filter((data) => data instanceof Float32Array);
    const [, channels = 0, rows = 0, columns = 0] = runs[0]?.features?.shape ?? [];
    return {
      embeddings: concatenate(runs.map((run) => run.rows)),
      featureMaps: concatenate(maps),
      shape: [images.length, channels, rows, columns],
    };
  };

  const grey: Pixels = { width, height, data: new Uint8Array(width * height * 3).fill(128) };
  return { embed, features: tower.hasFeatureMap ? features : undefined, probe: () => embed([grey]) };
}

/** A graph that fixes its picture size must fix the one of the preprocessing. */
function requireSize(tower: Tower, width: number, height: number): void {
  const fixedHeight = tower.fixedInputSize(2) ?? height;
  const fixedWidth = tower.fixedInputSize(3) ?? width;
  if (fixedWidth === width && fixedHeight === height) return;
  throw new ChiasmError(
    'model_invalid',
    `${tower.path} takes ${fixedWidth} x ${fixedHeight} pixels; preprocessor_config.json makes ${width} x ${height}`,
  );
}

function concatenate(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
