/**
 * The processor's cores, a core with two hyper-threads counted once: that is how many threads matrix products can use.
 * Known on Linux only.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

const LINUX_PROCESSORS = '/sys/devices/system/cpu';

/** Never more than the process may use (its affinity, its container's share); undefined where the system does not say. */
export function physicalCores(folder = LINUX_PROCESSORS): number | undefined {
  const cores = new Set<string>();
  try {
    for (const name of readdirSync(folder)) {
      if (/^cpu\d+$/.test(name)) cores.add(readFileSync(join(folder, name, 'topology/thread_siblings_list'), 'utf8'));
    }
  } catch {
    return undefined; // not Linux, or a container that hides it
  }
  return cores.size === 0 ? undefined : Math.min(cores.size, availableParallelism());
}

/**
 * Of a session of ONNX Runtime, those too that other libraries open: left to itself it ties its threads to cores, where they
 * wait for each other. Empty where the number of cores is not known.
 */
export function threadSettings(threads: number | undefined = physicalCores()): { readonly intraOpNumThreads?: number } {
  return threads === undefined ? {} : { intraOpNumThreads: threads };
}
