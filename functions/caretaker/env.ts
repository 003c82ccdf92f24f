/** The environment of the caretaker, read and checked once. */

import { z } from 'zod';
import { modelVariables, queueVariables, speechVariables, trainerVariables } from '#functions/cloud/environment.ts';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import { parseEnvironment } from '#functions/parse-environment.ts';

const environmentSchema = z.object({
  ...modelVariables,
  ...queueVariables,
  ...speechVariables,
  ...trainerVariables,
  [ENVIRONMENT.reconcileAtMost]: z.coerce.number().int().min(1).default(10_000),
});

export type CaretakerEnvironment = z.infer<typeof environmentSchema>;

/** @throws ChiasmError `invalid_request` that names the variable */
export const readEnvironment = (variables = process.env): CaretakerEnvironment =>
  parseEnvironment(environmentSchema, variables);
