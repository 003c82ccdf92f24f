/** Over the results, while the words are a question: what the collection answers, with its evidence. */

import { answerView, headline } from './answer-view.ts';
import { type Answer, type Api, explain, objectPath, type Result } from './api.ts';
import { percent } from './describe.ts';
import { announce } from './dialogs.ts';
import { h, icon, place } from './element.ts';
import { createLatest } from './latest.ts';
import { filters } from './search-body.ts';
import { createTile, READABLE, type TileContext } from './tile.ts';
import { isQuestion, type View } from './view.ts';

export interface AskPanel {
  /** Asks what the view asks, unless it is answered already; goes away when that is nothing. */
  readonly show: (view: View, delayMs?: number) => void;
}

const EVIDENCE = 8;
const PASSAGE_CHARACTERS = 300;

export function createAskPanel(api: Api, tiles: TileContext): AskPanel {
  const panel = place('asked');
  const latest = createLatest();
  let asked = '';

  async function ask(question: string, scope: object, delayMs: number): Promise<void> {
    panel.replaceChildren(h('p', { class: 'quiet' }, 'Looking for an answer…'));
    try {
      const found = await latest.run(async (signal) => {
        const answer = await api.answer({ question, scope }, signal);
        const shown = answer.evidence.slice(0, EVIDENCE);
        return { answer, entries: await Promise.all(shown.map((evidence) => entryOf(evidence, signal))) };
      }, delayMs);
      if (found === undefined) return;
      const { answer, entries } = found;
      const links = entries.flatMap((entry) => (entry === undefined ? [] : [createTile(entry, tiles)]));
      for (const link of links) link.querySelector('a')!.tabIndex = 0;
      panel.replaceChildren(
        answerView(answer, question),
        h(
          'ul',
          { class: 'rows small', hidden: links.length === 0, attributes: { 'aria-label': 'Evidence' } },
          ...links,
        ),
      );
      announce(`Answer: ${headline(answer)}${answer.abstained ? '' : `, confidence ${percent(answer.confidence)}`}`);
    } catch (error) {
      asked = ''; // Enter asks again
      panel.replaceChildren(h('p', { class: 'failure' }, icon('warning'), explain(error)));
      announce(explain(error));
    }
  }

  /** Undefined when the item has been deleted meanwhile. */
  async function entryOf({ key, part }: Answer['evidence'][number], signal: AbortSignal): Promise<Result | undefined> {
    const item = await api.item(key, signal);
    if (item === undefined) return undefined;
    const result: Result = { ...item, probability: null, part, matched: 'vector' };
    if (part === null || !('startChar' in part) || !READABLE.test(item.contentType)) return result;
    const text = await (await api.object(objectPath(key), { signal })).text();
    const end = Math.min(part.endChar, part.startChar + PASSAGE_CHARACTERS);
    return { ...result, snippet: text.slice(part.startChar, end) };
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
