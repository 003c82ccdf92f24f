/** The environment of the API in AWS, read and checked once. */

import { z } from 'zod';
import {
  mediaVariables,
  modelVariables,
  speechVariables,
  stageVariables,
  stateVariables,
  trainerVariables,
  vectorVariables,
} from '#functions/cloud/environment.ts';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import { parseEnvironment } from '#functions/parse-environment.ts';

const environmentSchema = z.object({
  ...stageVariables,
  ...mediaVariables,
  ...stateVariables,
  ...modelVariables,
  ...vectorVariables,
  ...trainerVariables,
  ...speechVariables,
  [ENVIRONMENT.reader]: z.string().min(1).optional(),
  [ENVIRONMENT.consoleOrigin]: z.url().optional(),
});

export type ApiEnvironment = z.infer<typeof environmentSchema>;

/** @throws ChiasmError `invalid_request` that names the variable */
export function readEnvironment(variables: NodeJS.ProcessEnv = process.env): ApiEnvironment {
  return parseEnvironment(environmentSchema, variables);
}
