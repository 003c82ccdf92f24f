/** From a model folder to the reader that its `model_type` asks for. */

import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';
import { readJson } from '#shared/models/read-json.ts';
import type { OpenSession } from '#shared/runtime/session.ts';
import { loadClassifierReader } from './classifier-reader.ts';
import { loadGenerativeReader } from './generative-reader.ts';
import type { Reader } from './reader.ts';

const CLASSIFIERS: readonly string[] = ['chiasm-reader', 'vilt'];
const GENERATIVE: readonly string[] = ['florence2', 'smolvlm', 'idefics3'];

/** @throws ChiasmError `not_found` without the folder, `model_invalid` for a type that cannot answer or a folder that does not fit */
export async function openReader(folder: string, deps: { readonly openSession: OpenSession }): Promise<Reader> {
  const type = await modelType(folder);
  if (CLASSIFIERS.includes(type)) return loadClassifierReader(folder, deps);
  if (GENERATIVE.includes(type)) return loadGenerativeReader(folder, type);
  throw new ChiasmError(
    'model_invalid',
    `${folder}: models of type ${JSON.stringify(type)} do not answer questions; these do: ${[...CLASSIFIERS, ...GENERATIVE].join(', ')}`,
  );
}

/** Whether the folder's model answers questions, and embeds nothing. @throws ChiasmError `not_found`, `model_invalid` */
export async function isReader(folder: string): Promise<boolean> {
  return [...CLASSIFIERS, ...GENERATIVE].includes(await modelType(folder));
}

async function modelType(folder: string): Promise<string> {
  const config = await readJson(folder, 'config.json', z.object({ model_type: z.string() }));
  if (config === undefined) throw new ChiasmError('not_found', `there is no model in ${folder}: it has no config.json`);
  return config.model_type;
}
