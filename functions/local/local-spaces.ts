/**
 * The spaces of one process: which answer, which are built beside them, and the switch between the two. Each open space
 * has a line of its own. The first space of a set is fed from the media; the others follow the first one and take the
 * items of their modalities from it. `spaces.json` records the sets, so a kill at any moment costs nothing.
 */

import type { IngestControl, ModelChange } from '#functions/api/app-dependencies.ts';
import type { Clock } from '#shared/core/clock.ts';
import { ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import type { Modality } from '#shared/core/modality.ts';
import type { BuildEstimate } from '#shared/ingest/estimate-build.ts';
import { eraseSpace } from '#shared/spaces/kept-space.ts';
import {
  dropSpace,
  type RecordedSpace,
  readSpaceRecord,
  type SpaceRecord,
  scopeOf,
  spaceDropped,
  switchToBuilt,
  updateSpaceRecord,
  wantSpaces,
} from '#shared/spaces/space-record.ts';
import { createSpaceSet } from '#shared/spaces/space-set.ts';
import { type ErasureReceipt, mergeReceipts } from '#shared/vector-index/erase.ts';
import { buildProgress, estimateLeft, lostItems } from './build-progress.ts';
import { createActivity, createCatchUp } from './catch-up.ts';
import { createKeptSpaces, type KeptSpacesDependencies } from './kept-spaces.ts';
import type { ModelChoice } from './model-choice.ts';
import { openModels } from './open-models.ts';
import { type Media, queueDifferences, queueFollowed } from './queue-differences.ts';
import type { LineSet, SpaceLine } from './space-line.ts';

export interface LocalSpacesDependencies extends KeptSpacesDependencies {
  readonly media: Media;
  readonly clock: Clock;
  /** Opens a model and its space. `scope`: of which modalities it indexes items; all when undefined. */
  openLine(
    folder: string,
    hooks: {
      readonly scope: (id: string) => ReadonlySet<Modality> | undefined;
      readonly onSettled: (id: string, key: string) => void;
    },
  ): Promise<SpaceLine>;
  /** The folder of a recorded model. */
  findModel(model: string): Promise<string>;
}

/** `held`: the new spaces lack what the live ones have; `stopped`: something else is wanted now, or the program ends. */
export type BuildOutcome =
  | { readonly kind: 'none' | 'switched' | 'stopped' }
  | { readonly kind: 'held'; reason: string };

export interface LocalSpaces extends ModelChange {
  /** Those that answer. Replaced as a whole by a switch: read it once for what belongs together. */
  readonly live: LineSet;
  /** Those that are built; undefined when nothing is. */
  readonly building: LineSet | undefined;
  readonly record: SpaceRecord;
  readonly control: IngestControl;
  /** What the person who started the program should know. */
  readonly notices: readonly string[];
  /** Measures what is left of the build on a sample. @throws ChiasmError `conflict` when nothing is built */
  estimate(): Promise<BuildEstimate>;
  /** Queues what differs between the media and the live spaces; returns how many keys. */
  catchUp(): Promise<number>;
  /** Resolves when the live spaces have nothing to do. */
  idle(): Promise<void>;
  /** Builds what is to be built and switches to it. */
  build(): Promise<BuildOutcome>;
  compact(): Promise<void>;
  erase(key: string): Promise<ErasureReceipt>;
  close(): Promise<void>;
}

/** Longer than any request that has begun on the former spaces takes. */
const GRACE_MS = 60_000;

export async function openLocalSpaces(
  deps: LocalSpacesDependencies,
  choices: readonly ModelChoice[],
  { former, estimateOnly }: { readonly former: 'keep' | 'drop'; readonly estimateOnly: boolean },
): Promise<LocalSpaces> {
  const { stateStore, media, log, clock } = deps;
  const lines = new Map<string, SpaceLine>();
  const retired: { readonly line: SpaceLine; readonly timer: NodeJS.Timeout }[] = [];
  const notices: string[] = [];
  let record: SpaceRecord = undefined as never; // `open` reads it before anything else runs
  let live!: LineSet;
  let building: LineSet | undefined;
  let held: string | undefined;
  let estimated: BuildEstimate | undefined;
  let stopping = new AbortController();
  let closed = false;
  let handingOver = 0;
  const activity = createActivity();
  const { happened } = activity;
  const keptSpaces = createKeptSpaces(deps, () => record.kept);
  const untilCaughtUp = createCatchUp({ live: () => live, activity, isHandingOver: () => handingOver > 0 });

  const update = async (change: (now: SpaceRecord | undefined) => SpaceRecord) => {
    record = estimateOnly
      ? change(record ?? (await readSpaceRecord(stateStore)))
      : await updateSpaceRecord(stateStore, change);
  };
  const lineOf = ({ id }: { readonly id: string }) => lines.get(id)!;
  const setOf = (spaces: readonly RecordedSpace[]): LineSet => {
    const [first, ...rest] = spaces.map((space) => ({ ...lineOf(space), modalities: new Set(space.modalities) }));
    return createSpaceSet([first!, ...rest]);
  };
  /** All lines, the first live space before the others. */
  const inOrder = () => [...new Set([lineOf(record.live[0]!), ...lines.values()])];
  /** Fed from the media. */
  const firstLines = () => {
    const firsts = [record.building?.spaces[0], record.live[0]].flatMap((space) => (space ? [lineOf(space)] : []));
    return [...new Set(firsts)];
  };
  /** The spaces that follow the space `id`. */
  const followersOf = (id: string): readonly RecordedSpace[] =>
    [record.live, record.building?.spaces ?? []]
      .filter(([first]) => first?.id === id)
      .flatMap((set) => set.slice(1))
      .filter((space) => scopeOf(record, space.id) !== undefined);

  const openLine = async (folder: string) => {
    const line = await deps.openLine(folder, {
      scope: (id) => scopeOf(record, id),
      onSettled: (id, key) => {
        if (followersOf(id).length > 0) void handOver(id, key);
        happened();
      },
    });
    lines.set(line.encoder.space.id, line);
    return line;
  };

  /** Tells the followers of a space that it has looked at the key. */
  async function handOver(id: string, key: string): Promise<void> {
    handingOver += 1;
    try {
      const item = (await lines.get(id)?.index.item(key))?.item;
      for (const follower of followersOf(id)) {
        const line = lineOf(follower);
        const scope = scopeOf(record, follower.id);
        const follows = item?.status === 'indexed' && item.modality !== undefined && scope?.has(item.modality) === true;
        const knows = (await line.index.latest(key))?.operation === 'put';
        if (follows || knows) await line.inbox.changed([key]);
      }
    } catch (error) {
      log.error('spaces.not_followed', { space: id, key, error: toChiasmError(error) }); // the next catch-up finds it
    } finally {
      handingOver -= 1;
      happened();
    }
  }

  const follow = async (spaces: readonly RecordedSpace[]): Promise<number> => {
    let queued = 0;
    for (const follower of spaces.slice(1)) {
      const scope = scopeOf(record, follower.id);
      if (scope !== undefined) queued += await queueFollowed(lineOf(spaces[0]!).index, lineOf(follower), scope);
    }
    return queued;
  };

  /** From here on the built spaces answer. */
  function takeOver(): void {
    const former = live;
    live = setOf(record.live);
    building = undefined;
    held = undefined;
    log.info('spaces.switched', { from: former.members[0].encoder.space.id, to: live.members[0].encoder.space.id });
    happened();
  }

  async function afterSwitch(): Promise<void> {
    await retireUnused();
    await finishDropping();
    await follow(record.live); // a space that was the first one and follows now gives up what is not its own
  }

  /** Ends the lines of spaces that are in no set; requests that are under way may still read them. */
  async function retireUnused(): Promise<void> {
    const used = new Set([...record.live, ...(record.building?.spaces ?? [])].map(({ id }) => id));
    for (const [id, line] of [...lines]) {
      if (used.has(id)) continue;
      lines.delete(id);
      await line.stop();
      const timer = setTimeout(() => void line.close(), GRACE_MS).unref();
      retired.push({ line, timer });
    }
  }

  async function finishDropping(): Promise<void> {
    for (const id of estimateOnly ? [] : record.dropping) {
      await eraseSpace(stateStore, id);
      await update((now) => spaceDropped(now!, id));
      log.info('spaces.dropped', { space: id });
    }
  }

  async function open(): Promise<void> {
    const before = await readSpaceRecord(stateStore);
    if (before !== undefined) record = before;
    if (before !== undefined) await finishDropping(); // what is half erased must not be opened
    const wanted = await openModels(choices, openLine);
    const startedAt = new Date(clock.now()).toISOString();
    await update((now) => wantSpaces(now, wanted, { startedAt, former }));
    const problem = await openRecorded(record.live);
    if (problem !== undefined) {
      notices.push(`${problem}; what is searched from now on is the new index while it is built`);
      await update((now) => switchToBuilt(now!));
    }
    live = setOf(record.live);
    building = record.building && setOf(record.building.spaces);
    await retireUnused();
    await finishDropping();
    await keptSpaces.start();
  }

  /** Opens the lines of the spaces that are not open yet; says what is wrong when a model is gone. */
  async function openRecorded(spaces: readonly RecordedSpace[]): Promise<string | undefined> {
    for (const { id, model } of spaces) {
      if (lines.has(id)) continue;
      try {
        const line = await openLine(await deps.findModel(model));
        if (line.encoder.space.id === id) continue;
        return `the model ${model} is not the one any more that the index was made with`;
      } catch (error) {
        const { code, message } = toChiasmError(error);
        if (code !== 'not_found' && code !== 'model_invalid') throw error;
        return `the index was made with the model ${model}, which cannot be used now: ${message}`;
      }
    }
    return undefined;
  }

  const progress = () => building && buildProgress(live, building);

  async function estimate(): Promise<BuildEstimate> {
    if (building === undefined) throw new ChiasmError('conflict', 'nothing is being built');
    estimated = await estimateLeft({ stateStore, clock }, record, live, building);
    return estimated;
  }

  async function describe(): ReturnType<ModelChange['describe']> {
    const kept = await keptSpaces.withSizes();
    const now = progress();
    if (now === undefined || building === undefined || record.building === undefined) return { kept };
    const { startedAt, former: then } = record.building;
    const { items = 0, seconds = 0, sizeBytes = 0 } = estimated ?? {};
    return {
      kept,
      building: {
        ...now,
        spaces: building,
        startedAt,
        former: then,
        ...(held !== undefined && { held }),
        ...(estimated && { estimate: { items, seconds, sizeBytes } }),
      },
    };
  }

  async function idle(): Promise<void> {
    while (!closed) {
      const change = activity.next();
      await Promise.all(live.members.map(({ inbox }) => inbox.idle()));
      if (handingOver === 0 && live.members.every(({ inbox }) => inbox.backlog().pending === 0)) return;
      await change;
    }
  }

  async function build(): Promise<BuildOutcome> {
    const spaces = record.building?.spaces;
    if (spaces === undefined) return { kind: 'none' };
    const { signal } = stopping;
    const built = spaces.map(lineOf);
    await queueDifferences(media, built[0]!);
    if (!(await untilCaughtUp([built[0]!], signal))) return { kind: 'stopped' };
    await follow(spaces);
    if (!(await untilCaughtUp(built, signal))) return { kind: 'stopped' };
    const lost = () => building && lostItems(live, building);
    if (lost() !== undefined) await idle(); // what is deleted from the live spaces yet is not lost
    held = lost();
    if (held !== undefined) return { kind: 'held', reason: held };
    await update((now) => switchToBuilt(now!));
    if (!(await untilCaughtUp(built, signal, takeOver))) return { kind: 'stopped' };
    await afterSwitch();
    return { kind: 'switched' };
  }

  const control: IngestControl = {
    changed: async (keys) => {
      happened();
      await Promise.all(firstLines().map(({ inbox }) => inbox.changed(keys)));
    },
    remove: async (key) => {
      happened();
      const [existed] = await Promise.all(inOrder().map(({ inbox }) => inbox.remove(key)));
      await keptSpaces.remove(key);
      return existed!;
    },
    pending: (key) => live.members.some(({ inbox }) => inbox.pending(key)),
    backlog: () => {
      const [first, ...followers] = live.members.map(({ inbox }) => inbox.backlog());
      return { ...first!, pending: followers.reduce((sum, { pending }) => sum + pending, first!.pending) };
    },
  };

  try {
    await open();
  } catch (error) {
    await Promise.all([...lines.values()].map((line) => line.close()));
    throw error;
  }
  return {
    get live() {
      return live;
    },
    get building() {
      return building;
    },
    get record() {
      return record;
    },
    notices,
    control,
    progress,
    describe,
    estimate,
    catchUp: async () => (await queueDifferences(media, live.members[0])) + (await follow(record.live)),
    idle,
    build,
    switchNow: async () => {
      if (record.building === undefined)
        throw new ChiasmError('conflict', 'nothing is being built that could take over');
      stopping.abort();
      happened();
      stopping = new AbortController();
      await update((now) => switchToBuilt(now!));
      takeOver();
      await afterSwitch();
    },
    drop: async (id) => {
      await update((now) => dropSpace(now!, id));
      if (record.building === undefined && building !== undefined) {
        stopping.abort();
        happened();
        stopping = new AbortController();
        building = undefined;
        held = undefined;
      }
      await retireUnused();
      await finishDropping();
    },
    compact: async () => {
      for (const line of lines.values()) await line.compact();
    },
    erase: async (key) => {
      const [first, ...others] = inOrder();
      const receipts: [ErasureReceipt, ...ErasureReceipt[]] = [await first!.erase(key)];
      for (const line of others) receipts.push(await line.erase(key));
      receipts.push(...(await keptSpaces.erase(key)));
      return mergeReceipts(receipts);
    },
    close: async () => {
      closed = true;
      stopping.abort();
      happened();
      await keptSpaces.stop();
      for (const { timer } of retired) clearTimeout(timer);
      await Promise.all([...retired.map(({ line }) => line), ...lines.values()].map((line) => line.close()));
    },
  };
}
