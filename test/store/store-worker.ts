/** A process of its own for tests of the file store: `node store-worker.ts FOLDER increment|create|overwrite COUNT`. */

import { createFileObjectStore } from '#shared/store/file-object-store.ts';

const [folder = '', task = '', count = '0'] = process.argv.slice(2);
const store = createFileObjectStore(folder);

/** Adds 1 to the number in `counter`, by compare and swap. */
async function increment(): Promise<void> {
  for (;;) {
    const current = await store.get('counter');
    const next = Buffer.from(String(Number(Buffer.from(current!.bytes).toString()) + 1));
    if ((await store.put('counter', next, { ifMatch: current!.etag })).written) return;
  }
}

/** Tries to be the one that creates `claims/i`; prints `i` for each that it wins. */
async function create(i: number): Promise<void> {
  const result = await store.put(`claims/${i}`, Buffer.from(String(process.pid)), { ifAbsent: true });
  if (result.written) process.stdout.write(`${i}\n`);
}

/** Puts megabytes of one repeated letter with the letter as metadata; prints a line after each put. */
async function overwrite(i: number): Promise<void> {
  const letter = String.fromCharCode(97 + (i % 26));
  await store.put('large', Buffer.alloc(3_000_000 + i, letter), { metadata: { letter } });
  process.stdout.write(`${letter}\n`);
}

const tasks: Record<string, (i: number) => Promise<void>> = { increment, create, overwrite };
for (let i = 0; i < Number(count); i++) await tasks[task]!(i);
