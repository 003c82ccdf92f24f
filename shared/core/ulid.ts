/**
 * ULIDs: 26 characters whose order is the order of creation. 48 bits of milliseconds, then 80 random bits;
 * within one millisecond (or when the clock steps back) one generator counts upwards instead.
 * Source: https://github.com/ulid/spec
 */

import type { Clock } from './clock.ts';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'; // Crockford base 32

/** Returns a function that gives a greater ULID at each call, whatever the clock does. */
export function createUlidGenerator(clock: Clock, random: () => number = () => Math.random()): () => string {
  let lastMs = -1;
  let digits: number[] = [];
  return () => {
    const nowMs = clock.now();
    if (nowMs > lastMs) {
      lastMs = nowMs;
      digits = Array.from({ length: 16 }, () => Math.floor(random() * 32));
    } else {
      let i = digits.length - 1;
      while (i >= 0 && digits[i] === 31) digits[i--] = 0;
      if (i >= 0) digits[i] = digits[i]! + 1;
      else lastMs += 1; // all random digits were spent: borrow a millisecond
    }
    return encodeTime(lastMs) + digits.map((digit) => ALPHABET[digit]).join('');
  };
}

function encodeTime(ms: number): string {
  let text = '';
  for (let i = 0, rest = ms; i < 10; i++, rest = Math.floor(rest / 32)) text = ALPHABET[rest % 32] + text;
  return text;
}

/** The moment in a ULID's first ten characters, in milliseconds since 1970. */
export function ulidTimeMs(ulid: string): number {
  return [...ulid.slice(0, 10)].reduce((ms, character) => ms * 32 + ALPHABET.indexOf(character), 0);
}
