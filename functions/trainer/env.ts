/** The environment of the trainer, read and checked once. */

import { z } from 'zod';
import {
  mediaVariables,
  modelVariables,
  stageVariables,
  stateVariables,
  vectorVariables,
} from '#functions/cloud/environment.ts';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import { parseEnvironment } from '#functions/parse-environment.ts';

const environmentSchema = z.object({
  ...stageVariables,
  ...stateVariables,
  ...modelVariables,
  ...vectorVariables,
  [ENVIRONMENT.mediaBucket]: mediaVariables[ENVIRONMENT.mediaBucket],
  [ENVIRONMENT.jobId]: z.string().min(1),
});

export type TrainerEnvironment = z.infer<typeof environmentSchema>;

/** @throws ChiasmError `invalid_request` that names the variable */
export function readEnvironment(variables: NodeJS.ProcessEnv = process.env): TrainerEnvironment {
  return parseEnvironment(environmentSchema, variables);
}
