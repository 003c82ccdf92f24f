/** The environment of both indexers, read and checked once. */

import { z } from 'zod';
import {
  mediaVariables,
  modelVariables,
  speechVariables,
  stageVariables,
  stateVariables,
  vectorVariables,
} from '#functions/cloud/environment.ts';
import { parseEnvironment } from '#functions/parse-environment.ts';

const environmentSchema = z.object({
  ...stageVariables,
  ...mediaVariables,
  ...stateVariables,
  ...modelVariables,
  ...vectorVariables,
  ...speechVariables,
});

export type IndexerEnvironment = z.infer<typeof environmentSchema>;

/** @throws ChiasmError `invalid_request` that names the variable */
export function readEnvironment(variables: NodeJS.ProcessEnv = process.env): IndexerEnvironment {
  return parseEnvironment(environmentSchema, variables);
}

/** Where the agent of Amazon ECS answers; undefined outside of ECS. */
export function readAgentUri(variables: NodeJS.ProcessEnv = process.env): string | undefined {
  return variables.ECS_AGENT_URI;
}
