/** Names of what is trained: parts of keys and paths. */

import { z } from 'zod';

export const trainedNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'expected 1 to 63 small letters, digits and hyphens' });
