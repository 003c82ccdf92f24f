/** What answers questions in the local program: reader, captions, speech. */

import type { AppDependencies } from '#functions/api/app-dependencies.ts';
import { createAnswerer } from '#shared/answer/answerer.ts';
import { openReader } from '#shared/answer/open-reader.ts';
import { createPhraseCaptioner } from '#shared/answer/phrase-captioner.ts';
import { createRankingReader } from '#shared/answer/ranking-reader.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { createMediaDecoders } from '#shared/encoders/media-decoders.ts';
import type { OpenSession } from '#shared/runtime/session.ts';
import { createCommandSpeechToText } from '#shared/speech/command-speech-to-text.ts';
import type { LineSet } from './local-spaces.ts';

export interface QuestionSettings {
  /** Folder of the model that answers. */
  readonly readerFolder: string;
}

export interface Questions {
  /** Answers from what these spaces find. */
  over(
    live: Pick<AppDependencies, 'search' | 'zeroShot' | 'mediaStore'> & { readonly spaces: LineSet },
  ): Pick<AppDependencies, 'answerer' | 'captioner' | 'transcribe'>;
  close(): Promise<void>;
}

/** @throws ChiasmError `model_invalid`, `not_found` */
export async function openQuestions(
  settings: QuestionSettings,
  deps: { readonly openSession: OpenSession },
): Promise<Questions> {
  const reader = await openReader(settings.readerFolder, deps);
  const decoders = createMediaDecoders();
  return {
    over: ({ spaces, search, zeroShot, mediaStore }) => {
      const pictures = spaces.spaceOf('image') ?? spaces.members[0];
      const sounds = spaces.spaceOf('audio');
      const speech = sounds && createCommandSpeechToText(sounds.encoder);
      const ranking = createRankingReader({ space: pictures, zeroShot });
      return {
        answerer: createAnswerer({ search, index: spaces.items, mediaStore, reader, ranking }),
        captioner: reader.captioner ?? createPhraseCaptioner(pictures),
        transcribe: async (sound) => {
          if (speech !== undefined) return speech.transcribe(await decoders.audio(sound, speech.sampleRateHz));
          throw new ChiasmError('unsupported_modality', 'no model listens: choose one that has a tower for sound');
        },
      };
    },
    close: () => reader.close(),
  };
}
