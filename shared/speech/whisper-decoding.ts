/**
 * What Whisper may say at each step, as a processor of its logits: the likeliest language, the task, then text between time
 * stamps. It listens too: how probable it is that nobody speaks, and how sure each token was.
 */

import type { SpeechModelFolder } from '#shared/models/speech-model-folder.ts';

type Library = typeof import('@huggingface/transformers');
type Tensor = InstanceType<Library['Tensor']>;

export interface Decoding {
  readonly processors: InstanceType<Library['LogitsProcessorList']>;
  /** Tokens before the text, those that are given included. */
  readonly prefix: number;
  /** Probability of `<|nospeech|>` where the language would be named. */
  noSpeech(): number;
  /** The mean logarithm of the probabilities of the chosen tokens of the text. */
  meanLogProbability(): number;
}

export interface DecodingOptions {
  /** Its token, where it is known from before. */
  readonly language: number | undefined;
  /** Asked before each token: once it says yes, the text ends there. The library takes no stopping criteria for Whisper. */
  stopped(): boolean;
}

export function createDecoding(
  library: Library,
  generation: SpeechModelFolder['generation'],
  { language, stopped }: DecodingOptions,
): Decoding {
  const languages = generation.is_multilingual ? Object.values(generation.lang_to_id ?? {}) : [];
  const task = generation.task_to_id?.transcribe;
  const forced = languages.length > 0 && task !== undefined ? [language === undefined ? languages : [language], [task]] : []; // biome-ignore format: one rule
  const prefix = 1 + forced.length;
  const noSpeechToken = generation.no_timestamps_token_id - 1; // by the order of Whisper's vocabularies
  const stamps = new library.WhisperTimeStampLogitsProcessor(
    generation as never, // only the tokens of it are read
    new Array<number>(prefix).fill(generation.decoder_start_token_id),
  );
  let noSpeech = 0;
  let sum = 0;
  let count = 0;

  class Rules extends library.LogitsProcessor {
    override _call(ids: bigint[][], logits: Tensor) {
      const row = logits.data as Float32Array;
      const step = ids[0]!.length - 1;
      if (stopped()) return keepOnly(row, [generation.eos_token_id], logits);
      if (step === 0) noSpeech = Math.exp(row[noSpeechToken]! - logSumExp(row));
      const allowed = forced[step];
      if (allowed !== undefined) return keepOnly(row, allowed, logits);
      for (const token of generation.suppress_tokens ?? []) row[token] = Number.NEGATIVE_INFINITY;
      stamps._call(ids, logits);
      sum += row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY) - logSumExp(row);
      count += 1;
      return logits;
    }
  }
  const processors = new library.LogitsProcessorList();
  processors.push(new Rules());
  return {
    processors,
    prefix,
    noSpeech: () => noSpeech,
    meanLogProbability: () => (count === 0 ? Number.NEGATIVE_INFINITY : sum / count),
  };
}

function keepOnly(row: Float32Array, allowed: readonly number[], logits: Tensor): Tensor {
  // a task is among the tokens that are never said by themselves: a finite value lets it win whatever it was
  const values = allowed.length === 1 ? [0] : allowed.map((token) => row[token]!);
  row.fill(Number.NEGATIVE_INFINITY);
  allowed.forEach((token, i) => {
    row[token] = values[i]!;
  });
  return logits;
}

function logSumExp(row: Float32Array): number {
  const greatest = row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  return greatest + Math.log(row.reduce((total, value) => total + Math.exp(value - greatest), 0));
}
