/** The builder of the cloud: the next model with its own space, and what is known of the space that it is to take over from. */

import {
  composeTelemetry,
  openBucket,
  openSpaceIndex,
  openSpeech,
  openVerifiedModel,
  SCRATCH_FOLDER,
} from '#functions/cloud/compose.ts';
import type { BuildSpaceDependencies } from '#shared/ingest/build-space.ts';
import type { ChangeMessage } from '#shared/ingest/change-message.ts';
import type { PlannedSpace, PresentSpace } from '#shared/ingest/estimate-build.ts';
import { createPrepare } from '#shared/ingest/prepare.ts';
import { createTranscriber } from '#shared/ingest/transcriber.ts';
import { DEFAULT_MEDIA_LIMITS } from '#shared/media/limits.ts';
import { createMemoryQueue } from '#shared/queue/memory-queue.ts';
import { spaceBytes } from '#shared/spaces/kept-space.ts';
import type { DeltaSpace } from '#shared/vector-index/delta.ts';
import { otherSpaces } from '#shared/vector-index/stored-spaces.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import type { BuilderEnvironment } from './env.ts';

export interface FormerSpace {
  readonly id: string;
  readonly index: VectorIndex;
  readonly size: PresentSpace;
}

export async function composeBuilder(environment: BuilderEnvironment) {
  const telemetry = composeTelemetry(environment, 'builder');
  const { clock, log } = telemetry;
  const mediaStore = openBucket(environment.CHIASM_MEDIA_BUCKET);
  const stateStore = openBucket(environment.CHIASM_STATE_BUCKET);
  const { encoder } = await openVerifiedModel(environment, log);
  const open = (space: DeltaSpace) =>
    openSpaceIndex(environment, { store: stateStore, space, clock, log, scratchFolder: SCRATCH_FOLDER });
  const index = await open(encoder.space);
  const limits = DEFAULT_MEDIA_LIMITS;
  const speech = await openSpeech(environment);
  const transcriber = speech && createTranscriber(speech, limits);
  const preparing = { mediaStore, encoder, limits, ...(transcriber && { transcriber }) };
  const line: Omit<BuildSpaceDependencies, 'onProgress'> = {
    mediaStore,
    transcribedBy: transcriber?.model,
    createQueue: () => createMemoryQueue<ChangeMessage>(),
    index,
    encoder,
    prepare: createPrepare({ ...preparing, index }),
    clock,
    log,
  };
  const nothingKnown = { item: async () => undefined, itemWithBytes: async () => undefined };
  const planned: PlannedSpace = {
    encoder,
    prepare: createPrepare({ ...preparing, index: nothingKnown }),
    scope: undefined,
    has: Object.fromEntries(
      index
        .statistics()
        .counts.flatMap(({ modality, status, items }) =>
          modality !== undefined && status === 'indexed' ? [[modality, items]] : [],
        ),
    ),
  };
  return {
    ...telemetry,
    stateStore,
    speech,
    line,
    planned,
    /** The space with the most items beside this one; undefined when there is no other. To be closed. */
    openFormer: async (): Promise<FormerSpace | undefined> => {
      let former: FormerSpace | undefined;
      for (const space of await otherSpaces(stateStore, encoder.space.id)) {
        const other = await open(space);
        if (former !== undefined && former.index.statistics().items >= other.statistics().items) {
          await other.close();
          continue;
        }
        await former?.index.close();
        former = { id: space.id, index: other, size: await spaceBytes(stateStore, space) };
      }
      return former;
    },
  };
}
