/** Trained alignments in the state store. A new training replaces the one in use when all of its files are stored. */

import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';
import { MODALITIES } from '#shared/core/modality.ts';
import { alignmentKeys } from '#shared/core/state-keys.ts';
import { trainedNameSchema } from '#shared/datasets/trained-name.ts';
import { type Alignment, openAlignment } from '#shared/learning/alignment/alignment.ts';
import { alignmentCardSchema } from '#shared/learning/alignment/alignment-card.ts';
import type { TrainedAlignment } from '#shared/learning/alignment/train-alignment.ts';
import type { TrainerDependencies } from '#shared/learning/graph/trainer.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';

export const alignmentDescriptionSchema = z.object({
  name: z.string(),
  /** Id of the job that trained it: the folder of its files. */
  training: z.string(),
  /** Ids of spaces. */
  from: z.string(),
  to: z.string(),
  dataset: z.string(),
  /** Of the pairs, where either side was of one kind: what its probabilities speak of. */
  modalities: z.object({ from: z.enum(MODALITIES), to: z.enum(MODALITIES) }).optional(),
  createdAt: z.iso.datetime(),
  card: alignmentCardSchema,
});

export type AlignmentDescription = z.output<typeof alignmentDescriptionSchema>;

export interface AlignmentStore {
  list(): Promise<readonly AlignmentDescription[]>;
  /** @throws ChiasmError `not_found` */
  describe(name: string): Promise<AlignmentDescription>;
  add(description: AlignmentDescription, files: TrainedAlignment['files']): Promise<void>;
  /** @throws ChiasmError `not_found`, `state_corrupt` */
  open(name: string, deps: TrainerDependencies): Promise<Alignment>;
  /** @throws ChiasmError `not_found` */
  remove(name: string): Promise<void>;
}

export function createAlignmentStore(store: ObjectStore): AlignmentStore {
  const find = async (name: string) => {
    const stored = trainedNameSchema.safeParse(name).success ? await store.get(alignmentKeys.current(name)) : undefined;
    if (stored === undefined) throw new ChiasmError('not_found', `there is no alignment ${JSON.stringify(name)}`);
    return parse(name, stored.bytes);
  };
  const removeFiles = async (name: string, keep: (key: string) => boolean) => {
    for await (const { key } of store.list({ prefix: alignmentKeys.of(name) })) if (!keep(key)) await store.delete(key);
  };
  return {
    list: async () => {
      const found: AlignmentDescription[] = [];
      for await (const { key } of store.list({ prefix: alignmentKeys.prefix })) {
        const name = key.slice(alignmentKeys.prefix.length).split('/')[0]!;
        if (key === alignmentKeys.current(name)) found.push(await find(name));
      }
      return found;
    },
    describe: find,
    add: async (description, files) => {
      const { name, training, card } = description;
      const stored = { ...files, 'card.json': Buffer.from(JSON.stringify(card)) };
      for (const [file, bytes] of Object.entries(stored)) {
        await store.put(alignmentKeys.file(name, training, file), bytes);
      }
      await store.put(alignmentKeys.current(name), Buffer.from(JSON.stringify(description)));
      await removeFiles(name, (key) => key === alignmentKeys.current(name) || key.includes(`/${training}/`));
    },
    open: async (name, deps) => {
      const { training } = await find(name);
      return openAlignment(async (file) => (await store.get(alignmentKeys.file(name, training, file)))?.bytes, deps);
    },
    remove: async (name) => {
      await find(name);
      await store.delete(alignmentKeys.current(name));
      await removeFiles(name, () => false);
    },
  };
}

function parse(name: string, bytes: Uint8Array): AlignmentDescription {
  try {
    return alignmentDescriptionSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (cause) {
    throw new ChiasmError('state_corrupt', `the record of the alignment ${name} is damaged; train it again`, { cause });
  }
}
