/** Over the results, while the words are a question: what the collection answers, with its evidence. */

import { answerView, headline } from './answer-view.ts';
import { type Answer, type Api, explain, type Result } from './api.ts';
import { percent } from './describe.ts';
import { announce } from './dialogs.ts';
import { h, icon, place } from './element.ts';
import { createLatest } from './latest.ts';
import { filters } from './search-body.ts';
import { createTile, type TileContext } from './tile.ts';
import { isQuestion, type View } from './view.ts';

export interface AskPanel {
  /** Asks what the view asks, unless it is answered already; goes away when that is nothing. */
  readonly show: (view: View, delayMs?: number) => void;
}

const EVIDENCE = 8;

/** @param onSearched what was searched for to answer the question */
export function createAskPanel(
  api: Api,
  tiles: TileContext,
  onSearched: (question: string, query: string) => void,
): AskPanel {
  const panel = place('asked');
  const latest = createLatest();
  let asked = '';

  async function ask(question: string, scope: object, delayMs: number): Promise<void> {
    panel.replaceChildren(h('p', { class: 'quiet' }, 'Looking for an answer…'));
    try {
      const found = await latest.run(async (signal) => {
        const answer = await api.answer({ question, scope }, signal);
        return { answer, entries: await entriesOf(answer, signal) };
      }, delayMs);
      if (found === undefined) return;
      const { answer, entries } = found;
      if (answer.basis.kind !== 'image') onSearched(question, answer.basis.query);
      const links = entries.map((entry) => createTile(entry, tiles));
      for (const link of links) link.querySelector('a')!.tabIndex = 0;
      panel.replaceChildren(
        answerView(answer, question),
        h('ul', { class: 'rows small', hidden: links.length === 0, ariaLabel: 'Evidence' }, ...links),
      );
      announce(`Answer: ${headline(answer)}${answer.abstained ? '' : `, confidence ${percent(answer.confidence)}`}`);
    } catch (error) {
      asked = ''; // Enter asks again
      panel.replaceChildren(h('p', { class: 'failure' }, icon('warning'), explain(error)));
      announce(explain(error));
    }
  }

  /** The evidence as a search for the same words shows it; without what has been deleted meanwhile. */
  async function entriesOf({ evidence, basis }: Answer, signal: AbortSignal): Promise<readonly Result[]> {
    const shown = evidence.slice(0, EVIDENCE);
    if (basis.kind === 'image' || basis.query === '' || shown.length === 0) return [];
    const filter = { key: { $in: shown.map(({ key }) => key) } };
    const { results } = await api.search({ query: basis.query, filter, limit: EVIDENCE }, signal);
    return shown.flatMap(({ key, part }) => {
      const result = results.find((found) => found.key === key);
      return result === undefined ? [] : [{ ...result, probability: null, matched: 'vector' as const, part }];
    });
  }

  return {
    show: (view, delayMs = 0) => {
      panel.hidden = !isQuestion(view);
      const question = panel.hidden ? '' : view.words.trim();
      const scope = scopeOf(view);
      const request = question && JSON.stringify([question, scope]);
      if (request === asked) return;
      asked = request;
      if (question !== '') void ask(question, scope, delayMs);
      else void latest.run(() => Promise.resolve()); // gives up on the one that is on its way
    },
  };
}

function scopeOf(view: View): object {
  const kind = { field: 'modality', operator: 'is', value: view.modality ?? '' } as const;
  const { filter } = filters(view.modality === undefined ? view : { ...view, attributes: [...view.attributes, kind] });
  return filter === undefined ? {} : { filter };
}
