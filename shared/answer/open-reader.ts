/** From a setting to the reader that it chooses: a model on Bedrock, or a folder whose `model_type` tells its kind. */

import { ChiasmError } from '#shared/core/errors.ts';
import { type FindModelOptions, findModel } from '#shared/models/find-model.ts';
import { readModelType } from '#shared/models/task-model-folder.ts';
import type { OpenSession } from '#shared/runtime/session.ts';
import { loadClassifierReader } from './classifier-reader.ts';

import type { Reader } from './reader.ts';
import { openGenerativeReader } from './threaded-generative-reader.ts';

const CLASSIFIERS: readonly string[] = ['chiasm-reader', 'vilt'];
const GENERATIVE: readonly string[] = ['florence2', 'smolvlm', 'idefics3'];

const BEDROCK = /^bedrock:(.+)$/;

/** What a user writes after `--reader` as `openReader` takes it: `bedrock:MODEL_ID` as it is, a name as its folder. */
export async function findReader(wanted: string, options: FindModelOptions): Promise<string> {
  return BEDROCK.test(wanted) ? wanted : findModel(wanted, options);
}

/**
 * @param chosen a model folder, or `bedrock:` and the id of a model or inference profile
 * @throws ChiasmError `not_found` without the folder, `model_invalid` for a type that cannot answer or a folder that does not
 * fit, `invalid_request` when Bedrock cannot be reached by these settings
 */
export async function openReader(chosen: string, deps: { readonly openSession: OpenSession }): Promise<Reader> {
  const [, modelId] = BEDROCK.exec(chosen) ?? [];
  if (modelId !== undefined) return (await import('./bedrock-reader.ts')).openBedrockReader(modelId); // others do without its SDK
  const type = await readModelType(chosen);
  if (CLASSIFIERS.includes(type)) return loadClassifierReader(chosen, deps);
  if (GENERATIVE.includes(type)) return openGenerativeReader(chosen, type);
  throw new ChiasmError(
    'model_invalid',
    `${chosen}: models of type ${JSON.stringify(type)} do not answer questions; these do: ${[...CLASSIFIERS, ...GENERATIVE].join(', ')}`,
  );
}

/** Whether the folder's model answers questions, and embeds nothing. @throws ChiasmError `not_found`, `model_invalid` */
export async function isReader(folder: string): Promise<boolean> {
  return [...CLASSIFIERS, ...GENERATIVE].includes(await readModelType(folder));
}
