/** Versions of classifiers in the state store. The manifest of a name is changed by compare-and-swap. */

import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';
import { classifierKeys } from '#shared/core/state-keys.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { type ClassifierCard, classifierCardSchema } from './classifier-card.ts';

const manifestSchema = z.object({
  /** The version that answers; 0 when there is none. */
  live: z.int(),
  /** The one that was live before: where a roll-back goes. */
  previous: z.int().optional(),
  /** In ascending order. */
  versions: z.array(z.int()),
});

export type ClassifierManifest = z.infer<typeof manifestSchema>;

export interface ClassifierStore {
  names(): Promise<readonly string[]>;
  manifest(name: string): Promise<ClassifierManifest | undefined>;
  card(name: string, version: number): Promise<ClassifierCard | undefined>;
  /** The ONNX file. @throws ChiasmError `state_corrupt` when it is missing or damaged */
  model(card: ClassifierCard): Promise<Uint8Array>;
  /**
   * Stores a new version, live if `promote`. Nothing of it is visible before all of it is stored.
   * @param card given the version's number
   */
  add(
    name: string,
    model: Uint8Array,
    card: (version: number, digest: string) => ClassifierCard,
    promote: boolean,
  ): Promise<ClassifierCard>;
  /** Makes a version live. @param version the one before when absent @throws ChiasmError `not_found` */
  promote(name: string, version?: number): Promise<ClassifierManifest>;
  /** @returns false when there was none */
  remove(name: string): Promise<boolean>;
}

const MAX_RACES = 20;

export function createClassifierStore(store: ObjectStore): ClassifierStore {
  const readManifest = async (name: string) => {
    const stored = await store.get(classifierKeys.manifest(name));
    return stored && { manifest: parse(manifestSchema, stored.bytes, name), etag: stored.etag };
  };
  const swap = async (name: string, change: (manifest: ClassifierManifest) => ClassifierManifest) => {
    for (let race = 0; race < MAX_RACES; race++) {
      const current = await readManifest(name);
      const next = change(current?.manifest ?? { live: 0, versions: [] });
      const condition = current === undefined ? { ifAbsent: true } : { ifMatch: current.etag };
      const { written } = await store.put(classifierKeys.manifest(name), json(next), condition);
      if (written) return next;
    }
    throw new ChiasmError('conflict', `the classifier ${name} is changed by too many programs`, { retryable: true });
  };
  return {
    names: async () => {
      const names: string[] = [];
      for await (const { key } of store.list({ prefix: classifierKeys.prefix })) {
        const name = key.slice(classifierKeys.prefix.length).split('/')[0]!;
        if (key === classifierKeys.manifest(name)) names.push(name);
      }
      return names;
    },
    manifest: async (name) => (await readManifest(name))?.manifest,
    card: async (name, version) => {
      const stored = await store.get(classifierKeys.card(name, version));
      return stored && parse(classifierCardSchema, stored.bytes, name);
    },
    model: async ({ name, version, digest }) => {
      const stored = await store.get(classifierKeys.model(name, version));
      if (stored !== undefined && sha256(stored.bytes) === digest) return stored.bytes;
      const fault = stored === undefined ? 'is missing' : 'is damaged';
      throw new ChiasmError(
        'state_corrupt',
        `version ${version} of the classifier ${name} ${fault}; promote another one`,
      );
    },
    add: async (name, model, cardOf, promote) => {
      for (let version = (await lastVersion(store, name)) + 1; ; version++) {
        const card = cardOf(version, sha256(model));
        const { written } = await store.put(classifierKeys.card(name, version), json(card), { ifAbsent: true });
        if (!written) continue; // another training was faster
        await store.put(classifierKeys.model(name, version), model);
        await swap(name, (manifest) => {
          const versions = [...manifest.versions, version].sort((a, b) => a - b);
          if (!promote && manifest.live > 0) return { ...manifest, versions };
          return { versions, live: version, ...(manifest.live > 0 && { previous: manifest.live }) };
        });
        return card;
      }
    },
    promote: async (name, version) =>
      swap(name, (manifest) => {
        const wanted = version ?? manifest.previous;
        if (manifest.versions.length === 0) throw noSuchClassifier(name);
        if (wanted === undefined) throw new ChiasmError('not_found', `no version of ${name} was live before`);
        if (!manifest.versions.includes(wanted)) {
          const known = manifest.versions.join(', ');
          throw new ChiasmError('not_found', `there is no version ${wanted} of ${name}; there are ${known}`);
        }
        return wanted === manifest.live ? manifest : { ...manifest, live: wanted, previous: manifest.live };
      }),
    remove: async (name) => {
      const existed = (await readManifest(name)) !== undefined;
      await store.delete(classifierKeys.manifest(name)); // first: nobody begins to read what is being removed
      for await (const { key } of store.list({ prefix: classifierKeys.of(name) })) await store.delete(key);
      return existed;
    },
  };
}

export function noSuchClassifier(name: string): ChiasmError {
  return new ChiasmError('not_found', `there is no classifier ${JSON.stringify(name)}`);
}

/** Of what is stored, even where a killed training left a version that no manifest names. */
async function lastVersion(store: ObjectStore, name: string): Promise<number> {
  let last = 0;
  for await (const { key } of store.list({ prefix: `${classifierKeys.of(name)}version/` })) {
    last = Math.max(last, Number(key.split('/').at(-2)));
  }
  return last;
}

function parse<Value>(schema: z.ZodType<Value>, bytes: Uint8Array, name: string): Value {
  try {
    return schema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (cause) {
    throw new ChiasmError('state_corrupt', `the files of the classifier ${name} are damaged`, { cause });
  }
}

const json = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
