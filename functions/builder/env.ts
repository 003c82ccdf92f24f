/** The environment of the builder, read and checked once. */

import { z } from 'zod';
import { modelVariables, speechVariables } from '#functions/cloud/environment.ts';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import { parseEnvironment } from '#functions/parse-environment.ts';
import type { CloudPrices } from '#shared/ingest/estimate-build.ts';

const price = z.number().nonnegative();
const pricesSchema: z.ZodType<CloudPrices> = z.object({
  instanceHour: price,
  thousandReads: price,
  thousandWrites: price,
  gigabyteMonth: price,
});

const environmentSchema = z.object({
  ...modelVariables,
  ...speechVariables,
  [ENVIRONMENT.buildMode]: z.enum(['estimate', 'build']).default('build'),
  [ENVIRONMENT.buildPrices]: z
    .string()
    .transform((text) => pricesSchema.parse(JSON.parse(text)))
    .optional(),
});

export type BuilderEnvironment = z.infer<typeof environmentSchema>;

/** @throws ChiasmError `invalid_request` that names the variable */
export const readEnvironment = (variables = process.env): BuilderEnvironment =>
  parseEnvironment(environmentSchema, variables);
