/** The environment of the compactor, read and checked once. */

import { z } from 'zod';
import { stageVariables, stateVariables } from '#functions/cloud/environment.ts';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import { parseEnvironment } from '#functions/parse-environment.ts';

const environmentSchema = z.object({
  ...stageVariables,
  ...stateVariables,
  [ENVIRONMENT.compactAfterDeltas]: z.coerce.number().int().min(1).default(64),
});

export type CompactorEnvironment = z.infer<typeof environmentSchema>;

/** @throws ChiasmError `invalid_request` that names the variable */
export const readEnvironment = (variables = process.env): CompactorEnvironment =>
  parseEnvironment(environmentSchema, variables);
