/** The one thing of `npm run models` that runs graphs: a model is verified by using it. */

import { isReader, openReader } from '#shared/answer/open-reader.ts';
import type { Issue } from '#shared/core/errors.ts';
import { checkEncoder } from '#shared/encoders/check-encoder.ts';
import { createEncoder } from '#shared/encoders/create-encoder.ts';
import { openModelFolder } from '#shared/models/model-folder.ts';
import { readModelType } from '#shared/models/task-model-folder.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { loadWhisper } from '#shared/speech/whisper.ts';

export interface Verified {
  /** What the model does, for a person. */
  readonly purpose: string;
  readonly issues: readonly Issue[];
}

/**
 * Opens a model's graphs; checks the files of an encoder against its card and looks whether its vectors make sense.
 * @throws ChiasmError `not_found`, `model_invalid` or `too_large` with the reason
 */
export async function verifyModel(folder: string): Promise<Verified> {
  if (await isReader(folder)) {
    const reader = await openReader(folder, { openSession: createOnnxSession });
    await reader.close();
    return { purpose: 'files and graphs are well (answers questions)', issues: [] };
  }
  if ((await readModelType(folder)) === 'whisper') {
    const speech = await loadWhisper(folder);
    await speech.close();
    return { purpose: 'files and graphs are well (writes down speech)', issues: [] };
  }
  const encoder = await createEncoder(await openModelFolder(folder), { openSession: createOnnxSession });
  const { id, dimensions } = encoder.space;
  try {
    return { purpose: `files and vectors are well (${id}, ${dimensions})`, issues: await checkEncoder(encoder) };
  } finally {
    await encoder.close();
  }
}
