/**
 * Which spaces answer searches, which are being built beside them, and which are kept or being dropped: one small object in
 * the state store, changed by compare-and-swap, so that a change of the model is one atomic switch. What the changes are
 * is plain functions from record to record.
 */

import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';
import { MODALITIES, type Modality } from '#shared/core/modality.ts';
import { SPACES_KEY } from '#shared/core/state-keys.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';

const keptSpaceSchema = z.object({
  id: z.string().min(1),
  dimensions: z.int().positive(),
  /** The model as the user names it: a name or the path of its folder. */
  model: z.string().min(1),
});
const recordedSpaceSchema = keptSpaceSchema.extend({
  /** Whose items are searched in this space. */
  modalities: z.array(z.enum(MODALITIES)).readonly(),
});

const spaceRecordSchema = z.object({
  format: z.literal(1),
  /** They answer searches. The first one holds every item. */
  live: z.array(recordedSpaceSchema).min(1).readonly(),
  /** They take over from the live ones once they hold what those hold. */
  building: z
    .object({
      spaces: z.array(recordedSpaceSchema).min(1).readonly(),
      startedAt: z.iso.datetime(),
      /** What becomes of the spaces that are no longer live after the switch. */
      former: z.enum(['keep', 'drop']),
    })
    .optional(),
  /** Complete or not, they stay for a way back; deletes reach them, new items do not. */
  kept: z.array(keptSpaceSchema).readonly(),
  /** Their files are being erased. */
  dropping: z.array(z.string()).readonly(),
});

export type KeptSpace = Readonly<z.infer<typeof keptSpaceSchema>>;
export type RecordedSpace = Readonly<z.infer<typeof recordedSpaceSchema>>;
export type SpaceRecord = Readonly<z.infer<typeof spaceRecordSchema>>;

type RecordStore = Pick<ObjectStore, 'get' | 'put'>;

const ATTEMPTS = 10;

/** Undefined before anything was indexed. @throws ChiasmError `state_corrupt` */
export async function readSpaceRecord(store: Pick<ObjectStore, 'get'>): Promise<SpaceRecord | undefined> {
  return (await read(store)).record;
}

/**
 * Stores what `change` makes of the newest record; it is called again when somebody else was faster.
 * @throws ChiasmError `conflict` (retryable) when others were faster every time
 */
export async function updateSpaceRecord(
  store: RecordStore,
  change: (record: SpaceRecord | undefined) => SpaceRecord,
): Promise<SpaceRecord> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { record, etag } = await read(store);
    const next = change(record);
    if (isDeepStrictEqual(next, record)) return next;
    const bytes = Buffer.from(`${JSON.stringify(next, null, 1)}\n`);
    const condition = etag === undefined ? { ifAbsent: true } : { ifMatch: etag };
    if ((await store.put(SPACES_KEY, bytes, { ...condition, contentType: 'application/json' })).written) return next;
  }
  throw new ChiasmError('conflict', `${SPACES_KEY} was changed by others every time; try again`, { retryable: true });
}

async function read(store: Pick<ObjectStore, 'get'>) {
  const stored = await store.get(SPACES_KEY);
  if (stored === undefined) return { record: undefined, etag: undefined };
  try {
    const json: unknown = JSON.parse(Buffer.from(stored.bytes).toString('utf8'));
    return { record: spaceRecordSchema.parse(json) as SpaceRecord, etag: stored.etag };
  } catch (cause) {
    throw new ChiasmError('state_corrupt', `${SPACES_KEY} is damaged; restore it, or remove it to begin anew`, {
      cause,
    });
  }
}

/** `wanted` shall answer: at once when nothing answers yet or they do already, else once they are built beside. */
export function wantSpaces(
  record: SpaceRecord | undefined,
  wanted: readonly RecordedSpace[],
  options: { readonly startedAt: string; readonly former: 'keep' | 'drop' },
): SpaceRecord {
  if (record === undefined) return { format: 1, live: wanted, kept: [], dropping: [] };
  const { building: before, ...rest } = record;
  const current = before !== undefined && areSame(before.spaces, wanted) ? before.startedAt : options.startedAt;
  const isLive = areSame(record.live, wanted);
  const building = isLive ? undefined : { spaces: wanted, startedAt: current, former: options.former };
  const inUse = new Set([...record.live, ...wanted].map(({ id }) => id));
  const left = [...record.kept, ...(before?.spaces ?? [])].filter(({ id }) => !inUse.has(id));
  return {
    ...rest,
    live: isLive ? wanted : record.live, // the same spaces; their models may lie elsewhere now
    ...(building && { building }),
    kept: uniqueSpaces(left),
    dropping: record.dropping.filter((id) => !inUse.has(id)),
  };
}

/** The atomic switch: what was built answers from now on. Without a build the record stays as it is. */
export function switchToBuilt(record: SpaceRecord): SpaceRecord {
  const { building, ...rest } = record;
  if (building === undefined) return record;
  const staying = new Set(building.spaces.map(({ id }) => id));
  const former = record.live.filter(({ id }) => !staying.has(id));
  return {
    ...rest,
    live: building.spaces,
    kept: building.former === 'keep' ? uniqueSpaces([...record.kept, ...former]) : record.kept,
    dropping: building.former === 'drop' ? [...record.dropping, ...former.map(({ id }) => id)] : record.dropping,
  };
}

/**
 * The space shall be erased; with a space that is being built the build ends.
 * @throws ChiasmError `not_found`, or `conflict` for a space that answers searches
 */
export function dropSpace(record: SpaceRecord, id: string): SpaceRecord {
  const has = (spaces: readonly KeptSpace[] | undefined) => spaces?.some((space) => space.id === id) === true;
  if (has(record.live)) {
    throw new ChiasmError('conflict', `the space ${id} answers searches; change the model first`);
  }
  if (has(record.building?.spaces)) {
    const { building, ...rest } = record;
    const others = building!.spaces.filter((space) => space.id !== id && !record.live.some((l) => l.id === space.id));
    return { ...rest, kept: uniqueSpaces([...record.kept, ...others]), dropping: [...record.dropping, id] };
  }
  if (!has(record.kept)) throw new ChiasmError('not_found', `there is no space ${JSON.stringify(id)}`);
  const kept = record.kept.filter((space) => space.id !== id);
  return { ...record, kept, dropping: [...record.dropping, id] };
}

/** Nothing is left of the space. */
export function spaceDropped(record: SpaceRecord, id: string): SpaceRecord {
  return { ...record, dropping: record.dropping.filter((other) => other !== id) };
}

/**
 * What a space indexes: every object (undefined) when it is the first of a set, else the items of its modalities in all
 * sets that it is part of.
 */
export function scopeOf({ live, building }: SpaceRecord, id: string): ReadonlySet<Modality> | undefined {
  const sets = [live, building?.spaces ?? []];
  if (sets.some(([first]) => first?.id === id)) return undefined;
  return new Set(sets.flat().flatMap((space) => (space.id === id ? space.modalities : [])));
}

function areSame(a: readonly RecordedSpace[], b: readonly RecordedSpace[]): boolean {
  const essence = (spaces: readonly RecordedSpace[]) =>
    spaces.map(({ id, modalities }) => [id, [...modalities].sort()]);
  return isDeepStrictEqual(essence(a), essence(b));
}

function uniqueSpaces(spaces: readonly KeptSpace[]): readonly KeptSpace[] {
  const byId = new Map(spaces.map(({ id, dimensions, model }) => [id, { id, dimensions, model }]));
  return [...byId.values()];
}
