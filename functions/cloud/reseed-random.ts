/**
 * Functions that are restored from one memory snapshot (AWS Lambda SnapStart) start with the same state of `Math.random`,
 * and would draw the same ULIDs and write tokens. So it is replaced by a generator that is seeded by the kernel of the machine
 * it runs on: small fast counter, sfc32 of PractRand (https://pracrand.sourceforge.net/RNG_engines.txt).
 */

import { closeSync, openSync, readSync } from 'node:fs';

const SEED_BYTES = 16;
const WARM_UP_ROUNDS = 12;

/** To be called after a restore, before anything is drawn. */
export function reseedRandom(): void {
  const [a, b, c, d] = new Uint32Array(readKernelRandom().buffer);
  Math.random = createSfc32([a!, b!, c!, d!]);
}

/** Not from OpenSSL, whose state is a part of the snapshot as well. */
function readKernelRandom(): Uint8Array {
  const bytes = new Uint8Array(SEED_BYTES);
  const device = openSync('/dev/urandom', 'r');
  try {
    readSync(device, bytes);
  } finally {
    closeSync(device);
  }
  return bytes;
}

/** Numbers in [0, 1) with 32 random bits. */
function createSfc32(seed: readonly [number, number, number, number]): () => number {
  let [a, b, c, counter] = seed;
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let round = 0; round < WARM_UP_ROUNDS; round++) next();
  return next;
}
