/** The newest estimate of the whole index's recall, asked for or measured in the background, for the statistics. */

import { z } from '@hono/zod-openapi';
import type { RecallEstimate } from '#shared/vector-index/measure-recall.ts';

export const recallSchema = z.object({
  recall: z.number(),
  samples: z.int(),
  k: z.int(),
  plan: z.enum(['exact', 'graph']),
  confidenceInterval: z.array(z.number()).length(2).openapi({ description: '95 %.' }),
});

export const measuredRecallSchema = recallSchema.extend({ measuredAt: z.iso.datetime() }).openapi('MeasuredRecall', {
  description: 'The last estimate: of the background, after each compaction, or of `POST /v1/recall` without a filter.',
});

export type MeasuredRecall = z.infer<typeof measuredRecallSchema>;

export interface LastRecall {
  readonly value: MeasuredRecall | undefined;
  note(estimate: RecallEstimate, nowMs: number): void;
}

export function createLastRecall(): LastRecall {
  let value: MeasuredRecall | undefined;
  return {
    get value() {
      return value;
    },
    note: (estimate, nowMs) => {
      const confidenceInterval = [...estimate.confidenceInterval];
      value = { ...estimate, confidenceInterval, measuredAt: new Date(nowMs).toISOString() };
    },
  };
}
