/**
 * The encoder port: content in, vectors of one space out. It takes pictures and sounds already decoded to the geometry
 * that it states, so that decoding (libuv threads) and inference (ONNX Runtime's threads) can overlap.
 */

import type { Modality } from '#shared/core/modality.ts';
import type { ImageGeometry, Pixels } from '#shared/media/image.ts';
import type { Space } from './space.ts';

export interface AudioGeometry {
  readonly sampleRateHz: number;
  /** A longer sound is cut into windows of this length. */
  readonly windowSeconds: number;
}

export interface ImageFeatures {
  /** Normalised rows [B, D]. */
  readonly embeddings: Float32Array;
  /** [B, C, h, w] row-major: what the picture tower sees at each place of an h x w grid. */
  readonly featureMaps: Float32Array;
  readonly shape: readonly [batch: number, channels: number, rows: number, columns: number];
}

export interface Encoder {
  readonly space: Space;
  readonly modalities: ReadonlySet<Modality>;
  /** How pictures must be resized before `embedImages`; undefined without a picture tower. */
  readonly image: ImageGeometry | undefined;
  readonly audio: AudioGeometry | undefined;
  /** Longest text in tokens; what is longer is cut. */
  readonly maxTokens: number | undefined;
  /** Prompt templates for zero-shot class names by modality, with `{}` for the name. */
  readonly queryTemplates: Readonly<Partial<Record<Modality, readonly string[]>>>;
  /** Normalised rows [B, D]. @throws ChiasmError `unsupported_modality` without a text tower */
  embedTexts(texts: readonly string[]): Promise<Float32Array>;
  /** Normalised rows [B, D]. Pixels must have exactly the stated geometry. */
  embedImages(images: readonly Pixels[]): Promise<Float32Array>;
  /** Normalised rows [B, D]. Mono samples [S] in [-1, 1] at the stated rate, S at most the window. */
  embedAudio(clips: readonly Float32Array[]): Promise<Float32Array>;
  /** Where the picture tower gives them: `embedImages` together with the feature maps. */
  imageFeatures?(images: readonly Pixels[]): Promise<ImageFeatures>;
  close(): Promise<void>;
}
