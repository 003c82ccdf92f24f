/** The box in which one picture is asked about. Each question goes with those before it, so that "and is it big?" is understood. */

import { answerView } from './answer-view.ts';
import { type Api, explain, isAbort } from './api.ts';
import { button, h, icon } from './element.ts';
import { createLatest } from './latest.ts';

const REMEMBERED = 10;

/** @param leaving aborted when the picture is no longer shown */
export function askAbout(api: Api, key: string, leaving: AbortSignal): HTMLElement {
  const latest = createLatest();
  const history: { readonly question: string; readonly answer: string }[] = [];
  const log = h('div', { class: 'exchanges', attributes: { role: 'log', 'aria-label': 'Answers' } });
  const input = h('input', {
    type: 'text',
    attributes: {
      'aria-label': 'Ask about this picture',
      placeholder: 'Ask about this picture',
      autocomplete: 'off',
      enterkeyhint: 'send',
      maxlength: 2000,
    },
  });

  async function ask(question: string): Promise<void> {
    if (question === '') return;
    input.value = '';
    const reply = h('div', {}, '…');
    const exchange = h('div', { class: 'exchange' }, h('p', { class: 'quiet' }, question), reply);
    log.append(exchange);
    try {
      const body = { question, image: { item: key }, history: history.slice(-REMEMBERED) };
      const answer = await latest.run((signal) => api.answer(body, AbortSignal.any([signal, leaving])));
      if (answer === undefined) {
        exchange.remove(); // another question was asked meanwhile
        return;
      }
      history.push({ question: answer.question, answer: answer.answer ?? '' });
      reply.replaceChildren(answerView(answer, question));
      input.placeholder = 'And …?';
    } catch (error) {
      if (isAbort(error)) return;
      reply.replaceChildren(h('p', { class: 'failure' }, icon('warning'), explain(error)));
    }
    exchange.scrollIntoView({ block: 'nearest' });
  }
  const submit = () => void ask(input.value.trim());

  return h(
    'section',
    { class: 'ask-about', ariaLabel: 'Questions' },
    log,
    h(
      'form',
      {
        on: {
          submit: (event) => {
            event.preventDefault();
            submit();
          },
        },
      },
      input,
      button('Ask', { icon: 'help', onClick: submit }),
    ),
  );
}
