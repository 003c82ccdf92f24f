/**
 * Whisper (Radford et al. 2022) in a local model folder, through `@huggingface/transformers` on ONNX Runtime; nothing is ever
 * fetched. It computes on the thread that calls it: programs use `whisper-speech-to-text.ts`, which gives it one of its own.
 */

import { deflateSync } from 'node:zlib';
import { ChiasmError } from '#shared/core/errors.ts';
import { openSpeechModelFolder, type SpeechModelFolder } from '#shared/models/speech-model-folder.ts';
import { threadSettings } from '#shared/runtime/physical-cores.ts';
import { readSegments } from './read-segments.ts';
import type { SpeechToText, TranscriptSegment } from './speech-to-text.ts';
import { createDecoding } from './whisper-decoding.ts';

/** Of one window of 30 seconds; the reference decodes at most half of its context. */
const MAX_TOKENS = 224;
// openai/whisper, transcribe.py: what such a window says is no speech, or a word said over and over
const NO_SPEECH_LINE = 0.6;
const LEAST_MEAN_LOG_PROBABILITY = -1;
const GREATEST_COMPRESSION = 2.4;

interface HeardWindow {
  readonly segments: readonly TranscriptSegment[];
  readonly goOnSeconds: number;
  readonly language: number | undefined;
  readonly meanLogProbability: number;
}

/**
 * @param stopped asked before each token: from when it says yes on, `transcribe` fails with `internal`, which a queue tries again
 * @throws ChiasmError `model_invalid` when the folder lacks a file or its graphs do not fit together
 */
export async function loadWhisper(path: string, stopped: () => boolean = () => false): Promise<SpeechToText> {
  const folder = await openSpeechModelFolder(path);
  const { library, processor, model, tokenizer } = await openModel(folder);
  const { generation, sampleRateHz, windowSeconds } = folder;
  const special = { timestampBegin: generation.no_timestamps_token_id + 1, endOfText: generation.eos_token_id };
  const languages = new Set(Object.values(generation.lang_to_id ?? {}));

  const refuseStopped = () => {
    if (stopped()) throw new ChiasmError('internal', 'the speech model was closed while it listened');
  };

  const hear = async (window: Float32Array, language: number | undefined): Promise<HeardWindow> => {
    refuseStopped();
    const { input_features: features } = await processor(window);
    const decoding = createDecoding(library, generation, { language, stopped });
    const output = await model.generate({
      inputs: features,
      decoder_input_ids: [generation.decoder_start_token_id],
      logits_processor: decoding.processors,
      // what may be said is told by the decoding alone
      return_timestamps: false,
      suppress_tokens: null,
      begin_suppress_tokens: null,
      do_sample: false,
      max_new_tokens: MAX_TOKENS,
    } as never);
    refuseStopped();
    const tokens = Array.from((output as InstanceType<typeof library.Tensor>).data as BigInt64Array, Number);
    const seconds = window.length / sampleRateHz;
    const { segments, goOnSeconds } = readSegments(tokens.slice(decoding.prefix), special, seconds);
    const meanLogProbability = decoding.meanLogProbability();
    const said = segments
      .map(({ tokens: own, ...range }) => ({ ...range, text: tokenizer.decode([...own]).trim() }))
      .filter(({ text }) => text !== '');
    const silent = decoding.noSpeech() > NO_SPEECH_LINE && meanLogProbability < LEAST_MEAN_LOG_PROBABILITY;
    if (silent || repeats(said)) return { segments: [], goOnSeconds: seconds, language, meanLogProbability };
    return { segments: said, goOnSeconds, language: tokens.find((token) => languages.has(token)), meanLogProbability };
  };

  return {
    name: folder.name,
    ...(folder.card && { facts: folder.card }),
    sampleRateHz,
    async transcribe(samples) {
      const segments: TranscriptSegment[] = [];
      let language: number | undefined;
      let sum = 0;
      let start = 0;
      while (start < samples.length) {
        const end = start + Math.round(windowSeconds * sampleRateHz);
        const window = await hear(samples.subarray(start, end), language);
        const offset = start / sampleRateHz;
        segments.push(
          ...window.segments.map(({ startSeconds, endSeconds, text }) => {
            return { startSeconds: offset + startSeconds, endSeconds: offset + endSeconds, text };
          }),
        );
        language ??= window.language;
        sum += window.segments.length * window.meanLogProbability;
        start += Math.round(window.goOnSeconds * sampleRateHz);
      }
      if (segments.length === 0) throw new ChiasmError('corrupt_input', 'no speech was heard in the sound');
      const text = segments.map((segment) => segment.text).join(' ');
      return { text, segments, confidence: Math.exp(sum / segments.length) };
    },
    close: async () => void (await model.dispose()),
  };
}

async function openModel(folder: SpeechModelFolder) {
  const library = await import('@huggingface/transformers');
  library.env.allowRemoteModels = false;
  library.env.allowLocalModels = true;
  library.env.localModelPath = '';
  const session_options = threadSettings();
  const options = { local_files_only: true, dtype: folder.formats, device: 'cpu', session_options } as const;
  const [processor, model] = await Promise.all([
    library.AutoProcessor.from_pretrained(folder.path, { local_files_only: true }),
    library.WhisperForConditionalGeneration.from_pretrained(folder.path, options),
  ]).catch((cause: Error) => {
    throw new ChiasmError('model_invalid', `${folder.path} cannot be used: ${cause.message}`, { cause });
  });
  const { tokenizer } = processor;
  if (tokenizer === undefined) throw new ChiasmError('model_invalid', `${folder.path} has no tokenizer`);
  return { library, processor, model, tokenizer };
}

/** Text that says one thing over and over deflates to a small part of itself. */
function repeats(segments: readonly TranscriptSegment[]): boolean {
  const text = Buffer.from(segments.map(({ text: own }) => own).join(' '));
  return text.length / deflateSync(text).length > GREATEST_COMPRESSION;
}
