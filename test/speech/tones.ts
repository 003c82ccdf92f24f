/** Sounds for the tiny Whisper: pure tones, one after the other. */

export const TONE_RATE_HZ = 16_000;
/** What it hears of each. */
export const DEEP_HZ = 200;
export const MIDDLE_HZ = 2_000;
export const HIGH_HZ = 6_000;

/** Mono samples [S]. @param parts frequency and seconds of each; 0 Hz is silence */
export function tones(...parts: readonly (readonly [hz: number, seconds: number])[]): Float32Array {
  const sounds = parts.map(
    ([hz, seconds]) =>
    Float32Array.from({ length: seconds * TONE_RATE_HZ }, (_, s) => 0.5 * Math.sin((2 * Math.PI * hz * s) / TONE_RATE_HZ)), // biome-ignore format: one line
  );
  return Float32Array.from(sounds.flatMap((sound) => [...sound]));
}
