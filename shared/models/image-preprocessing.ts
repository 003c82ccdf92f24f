/** From `preprocessor_config.json` to what is done with a picture: its geometry, then `(value x rescale - mean) / std`. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { ImageGeometry } from '#shared/media/image.ts';
import type { PreprocessorConfig } from './model-config.ts';

export interface ImagePreprocessing {
  readonly geometry: ImageGeometry;
  /** tensor value = (byte x rescaleFactor - mean[c]) / std[c], channels in the order red, green, blue. */
  readonly rescaleFactor: number;
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
}

/** Pillow's codes; 4 (box) and 5 (Hamming) are in no model that we know. */
const FILTERS = ['nearest', 'lanczos', 'bilinear', 'bicubic'] as const;
/** The default of CLIP's, SigLIP's and BiT's image processors in transformers. */
const DEFAULT_RESAMPLE = 3;

/** @throws ChiasmError `model_invalid` when the configuration does not lead to pictures of one fixed size */
export function imagePreprocessing(config: PreprocessorConfig): ImagePreprocessing {
  const filter = FILTERS[config.resample ?? DEFAULT_RESAMPLE];
  if (filter === undefined) throw invalid(`resample is ${config.resample}; expected 0, 1, 2 or 3`);
  const [mean, std] = normalisation(config);
  return {
    geometry: geometry(config, filter),
    rescaleFactor: config.do_rescale ? config.rescale_factor : 1,
    mean,
    std,
  };
}

function geometry(config: PreprocessorConfig, filter: ImageGeometry['filter']): ImageGeometry {
  const { size, crop_size: crop } = config;
  if (!config.do_resize || size === undefined) throw invalid('it must resize pictures (do_resize, size)');
  if ('height' in size) {
    if (config.do_center_crop && crop && (crop.height !== size.height || crop.width !== size.width)) {
      throw invalid('size {height, width} followed by a crop of another size is not supported');
    }
    return { width: size.width, height: size.height, fit: 'squash', filter };
  }
  if (!config.do_center_crop || crop === undefined) {
    throw invalid('size {shortest_edge} without do_center_crop and crop_size gives pictures of varying size');
  }
  return { width: crop.width, height: crop.height, fit: 'crop', shortestEdge: size.shortest_edge, filter };
}

type Channels = readonly [number, number, number];

function normalisation(config: PreprocessorConfig): [Channels, Channels] {
  if (!config.do_normalize)
    return [
      [0, 0, 0],
      [1, 1, 1],
    ];
  if (!config.image_mean || !config.image_std) throw invalid('do_normalize needs image_mean and image_std');
  if (config.image_std.some((value) => !(value > 0))) throw invalid('image_std must be positive');
  return [config.image_mean, config.image_std];
}

function invalid(why: string): ChiasmError {
  return new ChiasmError('model_invalid', `preprocessor_config.json: ${why}`);
}
