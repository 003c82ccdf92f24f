import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { physicalCores } from '#shared/runtime/physical-cores.ts';

/** A folder as Linux shows its processors in /sys/devices/system/cpu. */
async function processors(...siblings: readonly string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'chiasm-cores-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await mkdir(join(folder, 'cpufreq'));
  for (const [i, list] of siblings.entries()) {
    await mkdir(join(folder, `cpu${i}`, 'topology'), { recursive: true });
    await writeFile(join(folder, `cpu${i}`, 'topology/thread_siblings_list'), `${list}\n`);
  }
  return folder;
}

it('counts a core with two hyper-threads once', async () => {
  expect(physicalCores(await processors('0-1', '0-1'))).toBe(1);
});

it('counts no more cores than the process may use', async () => {
  const many = Array.from({ length: availableParallelism() + 3 }, (_, i) => `${i}`);
  expect(physicalCores(await processors(...many))).toBe(availableParallelism());
});

it('knows nothing where the system does not say', async () => {
  expect(physicalCores(await processors())).toBeUndefined();
  expect(physicalCores('/no/such/folder')).toBeUndefined();
});
