/**
 * Every model of the catalogue in small: a folder of its family with real graphs under exactly the names of the entry's
 * files, and the entry with the digests of those. What the files hold is ours; where they lie and how they load is the
 * catalogue's.
 */

import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CatalogueEntry } from '#shared/models/catalogue-entry.ts';
import type { FamilyName } from '#shared/models/model-family.ts';
import { makeModelFolder } from '../make-model-folder.ts';
import { makeWhisper } from '../make-whisper.ts';

const FAMILIES: readonly (readonly [RegExp, FamilyName])[] = [
  [/siglip/, 'siglip'],
  [/clap/, 'clap'],
  [/dinov2/, 'dinov2'],
  [/minilm/i, 'sentence'],
  [/clip/, 'clip'],
];

export interface SmallModel {
  readonly entry: CatalogueEntry;
  /** By path in the repository. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export function familyOfEntry({ repository }: CatalogueEntry): FamilyName {
  const found = FAMILIES.find(([pattern]) => pattern.test(repository));
  if (!found) throw new Error(`no family for ${repository}`);
  return found[1];
}

export async function makeSmallModel(entry: CatalogueEntry, imageSize = 16): Promise<SmallModel> {
  const folder = await mkdtemp(join(tmpdir(), 'chiasm-small-'));
  try {
    const speech = entry.task === 'speech';
    if (speech) await makeWhisper(folder);
    else await makeModelFolder(folder, { family: familyOfEntry(entry), imageSize, windowSeconds: 2 });
    const files = new Map<string, Uint8Array>();
    for (const { path } of entry.files) {
      const plain = path.replace(/_(quantized|int8)\.onnx$/, '.onnx');
      files.set(path, new Uint8Array(await readFile(join(folder, plain))));
    }
    return {
      entry: {
        ...entry,
        ...(!speech && { dimensions: 32 }),
        files: [...files].map(([path, bytes]) => describe(path, bytes)),
      },
      files,
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The paths under which a server has the model's files, as the hub has them. */
export function served({ entry, files }: SmallModel): [string, Uint8Array][] {
  return [...files].map(([path, bytes]) => [`${entry.repository}/resolve/${entry.revision}/${path}`, bytes]);
}

function describe(path: string, bytes: Uint8Array) {
  return { path, sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}
