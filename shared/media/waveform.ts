/** The outline of a sound for drawing. */

/**
 * The highest |sample| in each of `bins` equal stretches of [S], each 0 to 1 with two decimals (it is stored with every
 * item). Samples over full scale count as 1. No samples give zeros.
 */
export function waveform(samples: Float32Array, bins = 96): number[] {
  return Array.from({ length: bins }, (_, bin) => {
    const start = Math.floor((bin * samples.length) / bins);
    // A sound of fewer samples than bins shows each sample in several bins.
    const end = Math.max(start + 1, Math.floor(((bin + 1) * samples.length) / bins));
    let peak = 0;
    for (let i = start; i < end && i < samples.length; i++) peak = Math.max(peak, Math.abs(samples[i]!));
    return Math.round(Math.min(1, peak) * 100) / 100;
  });
}
