/** The caretaker of the cloud. It needs the models' names, for the space and for who has heard a sound; it runs none of them. */

import {
  composeTelemetry,
  openBucket,
  openSpaceIndex,
  openWorkQueue,
  SCRATCH_FOLDER,
} from '#functions/cloud/compose.ts';
import { composeJobRunner } from '#functions/cloud/job-runner.ts';
import { createJobStore } from '#shared/jobs/job-store.ts';
import { openModelFolder } from '#shared/models/model-folder.ts';
import { openSpeechModelFolder } from '#shared/models/speech-model-folder.ts';
import { readStoredSpace } from '#shared/vector-index/stored-spaces.ts';
import type { VectorIndex } from '#shared/vector-index/vector-index.ts';
import type { CaretakerEnvironment } from './env.ts';

export async function composeCaretaker(environment: CaretakerEnvironment) {
  const telemetry = composeTelemetry(environment, 'caretaker');
  const { clock, log } = telemetry;
  const stateStore = openBucket(environment.CHIASM_STATE_BUCKET);
  const { CHIASM_MODEL_FOLDER: modelFolder, CHIASM_SPEECH: speechFolder } = environment;
  const { spaceId } = await openModelFolder(modelFolder);
  return {
    ...telemetry,
    transcribedBy: speechFolder === undefined ? undefined : (await openSpeechModelFolder(speechFolder)).name,
    mediaStore: openBucket(environment.CHIASM_MEDIA_BUCKET),
    queue: await openWorkQueue(environment, log),
    jobs: createJobStore(stateStore),
    runner: composeJobRunner(environment),
    /** The index of the deployment's model, to be closed; undefined before anything was indexed with it. */
    openIndex: async (): Promise<VectorIndex | undefined> => {
      const { space } = await readStoredSpace(stateStore, spaceId);
      const deps = { store: stateStore, clock, log, scratchFolder: SCRATCH_FOLDER };
      return space && openSpaceIndex(environment, { ...deps, space });
    },
  };
}
