/** The environment of both indexers, read and checked once. */

import { z } from 'zod';
import { modelVariables, queueVariables, speechVariables } from '#functions/cloud/environment.ts';
import { parseEnvironment } from '#functions/parse-environment.ts';

const environmentSchema = z.object({ ...modelVariables, ...queueVariables, ...speechVariables });

export type IndexerEnvironment = z.infer<typeof environmentSchema>;

/** @throws ChiasmError `invalid_request` that names the variable */
export const readEnvironment = (variables = process.env): IndexerEnvironment =>
  parseEnvironment(environmentSchema, variables);

/** Where the agent of Amazon ECS answers; undefined outside of ECS. */
export function readAgentUri(variables: NodeJS.ProcessEnv = process.env): string | undefined {
  return variables.ECS_AGENT_URI;
}
