/** What the programs in AWS can be told by their environment; each `env.ts` picks what its program needs. */

import { z } from 'zod';
import { ENVIRONMENT } from '#functions/environment-names.ts';

const text = z.string().min(1);

export const stageVariables = {
  [ENVIRONMENT.stage]: text.default('dev'),
  [ENVIRONMENT.logLevel]: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  [ENVIRONMENT.metricsNamespace]: text.default('Chiasm'),
};

export const stateVariables = { [ENVIRONMENT.stateBucket]: text };

/** Where the vectors are: in generations beside the items, or in a vector bucket. */
const vectorVariables = {
  [ENVIRONMENT.vectorIndex]: z.enum(['embedded', 's3-vectors']).default('embedded'),
  [ENVIRONMENT.vectorBucket]: text.optional(),
};

/** Of every program that works with the model. */
export const modelVariables = {
  ...stageVariables,
  ...stateVariables,
  ...vectorVariables,
  [ENVIRONMENT.mediaBucket]: text,
  [ENVIRONMENT.modelFolder]: text,
  [ENVIRONMENT.device]: z.enum(['cpu', 'cuda']).default('cpu'),
};

export const speechVariables = { [ENVIRONMENT.speech]: text.optional() };

export const queueVariables = { [ENVIRONMENT.queueUrl]: z.url() };

const list = text.transform((ids) => ids.split(',').map((id) => id.trim()));

/** Where jobs run; nowhere without a cluster. Subnets and security groups are for tasks with a network of their own. */
const trainerSchema = z.object({
  [ENVIRONMENT.cluster]: text.optional(),
  [ENVIRONMENT.trainerTaskDefinition]: text.optional(),
  [ENVIRONMENT.trainerCapacityProvider]: text.default('FARGATE'),
  [ENVIRONMENT.trainerSubnets]: list.optional(),
  [ENVIRONMENT.trainerSecurityGroups]: list.optional(),
});

export const trainerVariables = trainerSchema.shape;
export type TrainerVariables = z.infer<typeof trainerSchema>;
