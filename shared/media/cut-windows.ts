/** A long sound as windows of the length that an encoder takes. */

export interface AudioWindow {
  readonly samples: Float32Array;
  readonly startSeconds: number;
  readonly endSeconds: number;
}

/**
 * Windows that cover all samples [S] in order: consecutive, the last one moved back so that it is a whole window too.
 * A sound no longer than one window is one window of its own length; an empty one gives none. Views, not copies.
 */
export function cutWindows(samples: Float32Array, sampleRateHz: number, windowSeconds: number): AudioWindow[] {
  const windowLength = Math.round(windowSeconds * sampleRateHz);
  const windows: AudioWindow[] = [];
  for (let start = 0; start < samples.length; start += windowLength) {
    const end = Math.min(start + windowLength, samples.length);
    const from = Math.max(0, end - windowLength);
    windows.push({
      samples: samples.subarray(from, end),
      startSeconds: from / sampleRateHz,
      endSeconds: end / sampleRateHz,
    });
  }
  return windows;
}
