/** What an evaluation needs: the model, and ways to embed. The same decoding and encoding as in the served program. */

import { findReader, openReader } from '#shared/answer/open-reader.ts';
import type { Reader } from '#shared/answer/reader.ts';
import { createZeroShotClassifier, type ZeroShotClassifier } from '#shared/classify/zero-shot.ts';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import { type ContentEmbedder, createContentEmbedder } from '#shared/encoders/embed-content.ts';
import { createMediaDecoders } from '#shared/encoders/media-decoders.ts';
import { findModel } from '#shared/models/find-model.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';

/** The model that answers questions, by name or folder. @throws ChiasmError `not_found` or `model_invalid` */
export async function composeReader(model: string, dataFolder: string): Promise<Reader> {
  return openReader(await findReader(model, { dataFolder }), { openSession: createOnnxSession });
}

export interface Evaluation {
  readonly modelName: string;
  readonly embedder: ContentEmbedder;
  readonly zeroShot: ZeroShotClassifier;
  close(): Promise<void>;
}

/** @throws ChiasmError `not_found` or `model_invalid` */
export async function composeEvaluation(model: string, dataFolder: string): Promise<Evaluation> {
  const encoder = await loadEncoder(await findModel(model, { dataFolder }), { openSession: createOnnxSession });
  const embedder = createContentEmbedder(encoder, createMediaDecoders());
  return {
    modelName: encoder.space.id,
    embedder,
    zeroShot: createZeroShotClassifier({ spaceOf: () => ({ encoder, embedder }) }),
    close: () => encoder.close(),
  };
}
