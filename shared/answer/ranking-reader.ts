/**
 * A reader out of any contrastive encoder: each choice becomes a statement, and the statement that lies nearest to the picture
 * wins. It needs choices; yes and no are the match probability of the statement and its complement.
 */

import type { ZeroShotClassifier } from '#shared/classify/zero-shot.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { dot } from '#shared/core/vector.ts';
import { matchProbability } from '#shared/encoders/space.ts';
import type { ServedSpace } from '#shared/spaces/space-set.ts';
import type { Reader } from './reader.ts';

export interface RankingReaderDependencies {
  /** Of pictures. */
  readonly space: Pick<ServedSpace, 'encoder' | 'embedder'>;
  readonly zeroShot: ZeroShotClassifier;
}

/** Nothing is held back: whoever gives choices wants the likeliest of them. */
const ABSTAIN_BELOW = 0;

export function createRankingReader(deps: RankingReaderDependencies): Reader {
  const { space: served, zeroShot } = deps;
  const { embedder } = served;
  const { space } = served.encoder;
  return {
    name: space.id,
    abstainBelow: ABSTAIN_BELOW,
    knows: () => true,
    async read({ image, question, choices }) {
      if (choices === undefined) {
        throw new ChiasmError(
          'invalid_request',
          `the model ${space.id} ranks answers and cannot find them: give "choices"`,
        );
      }
      const vector = await embedder.image(image);
      if (isYesOrNo(choices)) {
        const [statement] = await embedder.texts([statementOf(question, 'yes')]);
        const yes = matchProbability(space, 'image', 'text', dot(vector, statement!)) ?? 0.5;
        return choices
          .map((answer) => ({ answer, confidence: answer.toLowerCase() === 'yes' ? yes : 1 - yes }))
          .sort((a, b) => b.confidence - a.confidence);
      }
      const labels = choices.map((name) => ({ name, prompts: [statementOf(question, name)] }));
      const ranked = await zeroShot.classify({ input: { vectors: { image: vector } }, labels, multiLabel: false });
      return ranked.map(({ name, probability }) => ({ answer: name, confidence: probability }));
    },
    close: async () => {}, // the encoder belongs to whoever opened it
  };
}

const isYesOrNo = (choices: readonly string[]): boolean =>
  choices.length === 2 &&
  choices
    .map((choice) => choice.toLowerCase())
    .sort()
    .join() === 'no,yes';

/** What a question of this form and an answer `A` say together; `$1`, `$2` are the pattern's groups. The first that fits counts. */
const STATEMENTS: readonly (readonly [RegExp, string])[] = [
  [/^is there (.+)$/i, 'there is $1'],
  [/^are there (.+)$/i, 'there are $1'],
  [/^(?:does|do) .*?\b(?:show|contain|have)\b (.+)$/i, 'a picture of $1'],
  [/^(is|are) (the \w+|this|it|they) (.+)$/i, '$2 $1 $3'],
  [/^what (?:is|are) (on|in|under|behind|near|next to|left of|right of|above|below) (.+)$/i, 'A $1 $2'],
  [/^what (?:(?:colou?r|shape|size|kind|sort|type) )?(?:of \w+ )?(is|are) (.+)$/i, '$2 $1 A'],
  [/^where (is|are) (.+)$/i, '$2 $1 A'],
  [/^how many (.+?)(?: are\b.*| do you see| can you see)?$/i, 'A $1'],
];

/** Question and answer as one statement: "what colour is the car?" and "red" are "the car is red". */
export function statementOf(question: string, answer: string): string {
  const plain = question.trim().replace(/\s*\?+$/, '');
  for (const [pattern, statement] of STATEMENTS) {
    const said = pattern.exec(plain);
    if (said)
      return statement.replaceAll(/\$(\d)|A/g, (_, group) => (group === undefined ? answer : (said[group] ?? '')));
  }
  return `${plain}: ${answer}`;
}
