/** A data set must be there before a job is begun that would fail without it. */

import { ChiasmError } from '#shared/core/errors.ts';
import { parseObjectKey } from '#shared/core/object-key.ts';
import type { AppDependencies } from './app-dependencies.ts';

/** @throws ChiasmError `not_found`, `invalid_key` */
export async function requireDataset({ mediaStore }: AppDependencies, key: string): Promise<void> {
  if ((await mediaStore.head(parseObjectKey(key))) !== undefined) return;
  const message = `there is no object ${JSON.stringify(key)}; upload the data set first`;
  throw new ChiasmError('not_found', message, { issues: [{ path: '/dataset', message }] });
}
