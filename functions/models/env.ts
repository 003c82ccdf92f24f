/** The environment of `npm run models`, read and checked once. */

import { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';

const environmentSchema = z.object({
  CHIASM_DATA: z.string().min(1).optional(),
  /** A mirror of the hub. */
  CHIASM_MODELS_URL: z.url({ protocol: /^https?$/ }).optional(),
  NO_COLOR: z.string().optional(),
});

export type ModelsEnvironment = z.infer<typeof environmentSchema>;

/** @throws ChiasmError `invalid_request` that names the variable */
export function readEnvironment(variables: NodeJS.ProcessEnv = process.env): ModelsEnvironment {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''));
  const parsed = environmentSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new ChiasmError('invalid_request', `environment variable ${problems.join('; ')}`);
}
