/** The speech port: a sound in, its words out. Adapters: `whisper-speech-to-text.ts`, `command-speech-to-text.ts`. */

import type { ModelFacts } from '#shared/models/model-card.ts';

export interface TranscriptSegment {
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly text: string;
}

export interface Transcript {
  readonly text: string;
  /** In order; empty where the model gives no times. */
  readonly segments: readonly TranscriptSegment[];
  /** In [0, 1] where the model says how sure it is. */
  readonly confidence?: number;
}

export interface SpeechToText {
  /** Of the model. */
  readonly name: string;
  /** From its card, where it has one. */
  readonly facts?: ModelFacts;
  /** Of the samples that it takes. */
  readonly sampleRateHz: number;
  /** Mono samples [S] in [-1, 1]. @throws ChiasmError `corrupt_input` when nothing was understood */
  transcribe(samples: Float32Array): Promise<Transcript>;
  close(): Promise<void>;
}
