/** What answers questions over live spaces: answers, captions, speech. */

import { createAnswerer } from '#shared/answer/answerer.ts';
import { createPhraseCaptioner } from '#shared/answer/phrase-captioner.ts';
import { createRankingReader } from '#shared/answer/ranking-reader.ts';
import type { Reader } from '#shared/answer/reader.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import { createMediaDecoders } from '#shared/encoders/media-decoders.ts';
import type { ServedSpace, SpaceSet } from '#shared/spaces/space-set.ts';
import { createCommandSpeechToText } from '#shared/speech/command-speech-to-text.ts';
import type { SpeechToText } from '#shared/speech/speech-to-text.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import type { AppDependencies } from './app-dependencies.ts';
import { describeModelInUse } from './describe-model.ts';

interface Live extends Pick<AppDependencies, 'search' | 'zeroShot'> {
  readonly mediaStore: Pick<ObjectStore, 'get'>;
  readonly spaces: SpaceSet<ServedSpace & { readonly encoder: Encoder }>;
}

export interface AnswerModels {
  /** Answers; without one only choices are ranked and matches counted. */
  readonly reader?: Reader;
  /** Hears whole questions; without one a few words, by the model of the sounds. */
  readonly speech?: SpeechToText;
}

export function answerOver(
  live: Live,
  given: AnswerModels,
): Pick<AppDependencies, 'answerer' | 'captioner' | 'transcribe' | 'answering'> {
  const { spaces, search, zeroShot, mediaStore } = live;
  const pictures = spaces.spaceOf('image') ?? spaces.members[0];
  const sounds = spaces.spaceOf('audio');
  const speech = given.speech ?? (sounds && createCommandSpeechToText(sounds.encoder));
  const decoders = createMediaDecoders();
  const ranking = createRankingReader({ space: pictures, zeroShot });
  return {
    answering: {
      ...(given.reader && { reader: describeModelInUse(given.reader) }),
      ...(given.speech && { speech: describeModelInUse(given.speech) }),
    },
    answerer: createAnswerer({ search, index: spaces.items, mediaStore, reader: given.reader ?? ranking, ranking }),
    captioner: given.reader?.captioner ?? createPhraseCaptioner(pictures),
    transcribe: async (sound) => {
      if (speech !== undefined) return speech.transcribe(await decoders.audio(sound, speech.sampleRateHz));
      throw new ChiasmError(
        'unsupported_modality',
        'no model listens: start with --speech, or with a model that has a tower for sound',
      );
    },
  };
}
