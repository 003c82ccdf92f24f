/** Environment variables through a schema; an empty one counts as absent. */

import type { z } from 'zod';
import { ChiasmError } from '#shared/core/errors.ts';

/** @throws ChiasmError `invalid_request` that names every variable which does not fit */
export function parseEnvironment<Schema extends z.ZodType>(
  schema: Schema,
  variables: Readonly<Record<string, string | undefined>>,
): z.output<Schema> {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new ChiasmError('invalid_request', `environment variable ${problems.join('; ')}`);
}
