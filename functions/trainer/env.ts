/** The environment of the trainer, read and checked once. */

import { z } from 'zod';
import { modelVariables } from '#functions/cloud/environment.ts';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import { parseEnvironment } from '#functions/parse-environment.ts';

const environmentSchema = z.object({
  ...modelVariables,
  [ENVIRONMENT.jobId]: z.string().min(1),
  /** Where Amazon ECS tells a task about itself. */
  ECS_CONTAINER_METADATA_URI_V4: z.url().optional(),
});

export type TrainerEnvironment = z.infer<typeof environmentSchema>;

/** @throws ChiasmError `invalid_request` that names the variable */
export const readEnvironment = (variables = process.env): TrainerEnvironment =>
  parseEnvironment(environmentSchema, variables);
