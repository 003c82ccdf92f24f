/** The one thing of `npm run models` that runs graphs: a model is verified by using it. */

import type { Issue } from '#shared/core/errors.ts';
import { checkEncoder } from '#shared/encoders/check-encoder.ts';
import { createEncoder } from '#shared/encoders/create-encoder.ts';
import { openModelFolder } from '#shared/models/model-folder.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';

export interface Verified {
  readonly spaceId: string;
  readonly dimensions: number;
  readonly issues: readonly Issue[];
}

/**
 * Checks the files of a model against its card, opens its graphs, and looks whether their vectors make sense.
 * @throws ChiasmError `not_found`, `model_invalid` or `too_large` with the reason
 */
export async function verifyModel(folder: string): Promise<Verified> {
  const encoder = await createEncoder(await openModelFolder(folder), { openSession: createOnnxSession });
  try {
    return { spaceId: encoder.space.id, dimensions: encoder.space.dimensions, issues: await checkEncoder(encoder) };
  } finally {
    await encoder.close();
  }
}
