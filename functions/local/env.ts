/** The environment of the local program, read and checked once. */

import { z } from 'zod';
import { parseEnvironment } from '#functions/parse-environment.ts';

const environmentSchema = z.object({
  /** Port to listen on; 0 takes a free one. */
  PORT: z.coerce.number().int().min(0).max(65_535).optional(),
  HOST: z.string().min(1).optional(),
  /** Keys that clients must send, separated by commas. */
  CHIASM_API_KEYS: z
    .string()
    .transform((keys) =>
      keys
        .split(',')
        .map((key) => key.trim())
        .filter((key) => key !== ''),
    )
    .optional(),
  CHIASM_DATA: z.string().min(1).optional(),
  CHIASM_MODEL: z.string().min(1).optional(),
  CHIASM_READER: z.string().min(1).optional(),
  CHIASM_SPEECH: z.string().min(1).optional(),
  CHIASM_LOG: z.enum(['debug', 'info', 'warn', 'error']).optional(),
  NO_COLOR: z.string().optional(),
});

export type LocalEnvironment = z.infer<typeof environmentSchema>;

/** @throws ChiasmError `invalid_request` that names the variable */
export function readEnvironment(variables: NodeJS.ProcessEnv = process.env): LocalEnvironment {
  return parseEnvironment(environmentSchema, variables);
}
