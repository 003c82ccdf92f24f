/** Sounds for the tiny Whisper: pure tones, one after the other. */

import { encodeSamples, sine, wavFile } from '../media/sounds.ts';

const TONE_RATE_HZ = 16_000;
/** What it hears of each. */
export const DEEP_HZ = 200;
export const MIDDLE_HZ = 2_000;
export const HIGH_HZ = 6_000;

type Tone = readonly [hz: number, seconds: number];

/** Mono samples [S]. @param parts frequency and seconds of each; 0 Hz is silence */
export function tones(...parts: readonly Tone[]): Float32Array {
  return Float32Array.from(parts.flatMap(([hz, seconds]) => [...sine(hz, TONE_RATE_HZ, seconds, 0.5)]));
}

/** The same as a file. */
export function toneFile(...parts: readonly Tone[]): Uint8Array {
  return wavFile(encodeSamples(tones(...parts), 16), { bits: 16, sampleRateHz: TONE_RATE_HZ });
}
