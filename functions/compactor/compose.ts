/** The compactor of the cloud. It needs no model: the state says which spaces there are. */

import { composeTelemetry, openBucket, SCRATCH_FOLDER } from '#functions/cloud/compose.ts';
import type { CompactorEnvironment } from './env.ts';

export function composeCompactor(environment: CompactorEnvironment) {
  const telemetry = composeTelemetry(environment, 'compactor');
  return { ...telemetry, store: openBucket(environment.CHIASM_STATE_BUCKET), scratchFolder: SCRATCH_FOLDER };
}
