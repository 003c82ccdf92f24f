/** A sound file being decoded: what its header says, then its samples block by block. */

export interface AudioBlock {
  /** One array a channel, of equal length, full scale at 1. */
  readonly channelData: readonly Float32Array[];
  readonly sampleRateHz: number;
}

export interface AudioSource {
  /** What the header says; undefined where it says nothing. */
  readonly durationSeconds: number | undefined;
  /** Whether a file that decodes to less than `durationSeconds` is incomplete; else that is an estimate. */
  readonly isExact: boolean;
  /** @throws where the file is damaged */
  blocks(): AsyncGenerator<AudioBlock>;
}
