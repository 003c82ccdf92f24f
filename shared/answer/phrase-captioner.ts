/**
 * Captions without a generative model: the phrases of a bank that lie nearest to the picture, put together as subject and
 * setting when the whole lies nearer still. It can only say what the bank says.
 */

import { dot } from '#shared/core/vector.ts';
import { matchProbability } from '#shared/encoders/space.ts';
import type { ServedSpace } from '#shared/spaces/space-set.ts';
import { SETTINGS, SUBJECTS } from './caption-phrases.ts';
import type { Captioner } from './reader.ts';

/** Subjects and settings that are combined: 5 x 4 sentences are embedded for each picture. */
const BEST_SUBJECTS = 5;
const BEST_SETTINGS = 4;

interface Phrase {
  readonly text: string;
  readonly vector: Float32Array;
}

/** @param served the space of pictures */
export function createPhraseCaptioner({ encoder, embedder }: Pick<ServedSpace, 'encoder' | 'embedder'>): Captioner {
  const { space } = encoder;
  const embed = async (texts: readonly string[]): Promise<readonly Phrase[]> => {
    const vectors = await embedder.texts(texts);
    return texts.map((text, i) => ({ text, vector: vectors[i]! }));
  };
  let bank: Promise<{ readonly subjects: readonly Phrase[]; readonly settings: readonly Phrase[] }> | undefined;
  const openBank = async () => ({ subjects: await embed(SUBJECTS), settings: await embed(SETTINGS) });

  return {
    name: `${space.id} with a phrase bank`,
    async caption({ image }) {
      const picture = await embedder.image(image);
      bank ??= openBank();
      const { subjects, settings } = await bank;
      const nearest = (phrases: readonly Phrase[], count: number) =>
        [...phrases].sort((a, b) => dot(picture, b.vector) - dot(picture, a.vector)).slice(0, count);
      const alone = nearest(subjects, BEST_SUBJECTS);
      const composed = await embed(
        alone.flatMap((subject) =>
          nearest(settings, BEST_SETTINGS).map((setting) => `${subject.text} ${setting.text}`),
        ),
      );
      const [best] = nearest([...alone, ...composed], 1);
      const cosine = dot(picture, best!.vector);
      return {
        caption: best!.text,
        confidence: matchProbability(space, 'image', 'text', cosine) ?? Math.max(0, cosine),
      };
    },
  };
}
