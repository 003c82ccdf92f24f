/** An answer to read: what is said, how sure it is, what else it may be, and what it rests on. Not knowing is an answer too. */

import type { Answer } from './api.ts';
import { percent, plural } from './describe.ts';
import { h, meter } from './element.ts';

const ALTERNATIVES = 4;

/** @param asked as it was typed; shown again where it was understood as something else */
export function answerView(answer: Answer, asked: string): HTMLElement {
  const { question, confidence, abstained } = answer;
  const others = answer.alternatives.slice(0, ALTERNATIVES);
  return h(
    'div',
    { class: 'answer' },
    question !== asked && h('p', { class: 'quiet' }, `Understood as “${question}”`),
    h('p', { class: 'said' }, headline(answer)),
    !abstained && meter(`Confidence ${percent(confidence)}`, confidence),
    others.length > 0 &&
      h(
        'ul',
        { class: 'guesses', ariaLabel: abstained ? 'Best guesses' : 'Alternatives' },
        h('li', { class: 'quiet', ariaHidden: 'true' }, abstained ? 'Best guesses:' : 'Or:'),
        ...others.map((other) => h('li', {}, `${other.answer} ${percent(other.confidence)}`)),
      ),
    basisOf(answer),
  );
}

export function headline({ answer }: Answer): string {
  return answer ?? "I don't know";
}

function basisOf({ basis }: Answer): HTMLElement | undefined {
  if (basis.kind === 'image' || basis.query === '') return undefined;
  const sentence =
    basis.kind === 'items'
      ? `Read in ${plural(basis.read, 'item')} found for “${basis.query}”.`
      : `Counted: about ${Math.round(basis.expected)} for “${basis.query}”; ${plural(basis.matches, 'match', 'matches')} at least ${percent(basis.minProbability)} likely.`;
  return h('p', { class: 'quiet' }, sentence);
}
