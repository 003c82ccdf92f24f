/** Every kind of job, as each program knows it: the API to check requests, whoever runs jobs to run them. */

import { createAlignmentStore } from '#shared/alignments/alignment-store.ts';
import { trainAlignmentJob, trainAlignmentSchema } from '#shared/alignments/train-alignment-job.ts';
import { createClassifierStore } from '#shared/classify/classifier-store.ts';
import {
  type TrainClassifierDependencies,
  trainClassifier,
  trainClassifierSchema,
} from '#shared/classify/train-classifier.ts';
import type { Clock } from '#shared/core/clock.ts';
import { createFeatureCache } from '#shared/datasets/feature-cache.ts';
import { defineJobKind, type JobKinds } from '#shared/jobs/job-kind.ts';
import type { OpenSession } from '#shared/runtime/session.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';

export interface JobKindsDependencies {
  readonly mediaStore: ObjectStore;
  readonly stateStore: ObjectStore;
  /** Asked when a job begins. */
  spaces(): TrainClassifierDependencies['spaces'];
  readonly openSession: OpenSession;
  readonly clock: Clock;
}

export function createJobKinds({ mediaStore, stateStore, spaces, openSession, clock }: JobKindsDependencies): JobKinds {
  const training = {
    mediaStore,
    cache: createFeatureCache(stateStore),
    classifiers: createClassifierStore(stateStore),
    alignments: createAlignmentStore(stateStore),
    trainer: { openSession },
    clock,
  };
  return {
    classifier: defineJobKind(trainClassifierSchema, (request, context) =>
      trainClassifier({ ...training, spaces: spaces() }, request, context),
    ),
    alignment: defineJobKind(trainAlignmentSchema, (request, context) =>
      trainAlignmentJob({ ...training, spaces: spaces() }, request, context),
    ),
  };
}
