/** The environment of the API in AWS, read and checked once. */

import { z } from 'zod';
import { modelVariables, queueVariables, speechVariables, trainerVariables } from '#functions/cloud/environment.ts';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import { parseEnvironment } from '#functions/parse-environment.ts';

const environmentSchema = z.object({
  ...modelVariables,
  ...queueVariables,
  ...speechVariables,
  ...trainerVariables,
  [ENVIRONMENT.reader]: z.string().min(1).optional(),
  [ENVIRONMENT.consoleOrigin]: z.url().optional(),
});

export type ApiEnvironment = z.infer<typeof environmentSchema>;

/** @throws ChiasmError `invalid_request` that names the variable */
export const readEnvironment = (variables = process.env): ApiEnvironment =>
  parseEnvironment(environmentSchema, variables);
