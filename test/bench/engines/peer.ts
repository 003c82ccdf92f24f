/** Loads a package of the benchmark's own folder, which is not among the project's dependencies. */

import { createRequire } from 'node:module';
import { join } from 'node:path';

export const PEERS_FOLDER = join(import.meta.dirname, '..', 'peers');

const require = createRequire(join(PEERS_FOLDER, 'package.json'));

/** The module as `T`, which says only what the benchmark uses of it. */
export function peer<T>(name: string): T {
  return require(name) as T;
}
