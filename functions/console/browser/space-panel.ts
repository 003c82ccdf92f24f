/** A change of the model in the status dialog: how far the new index is, what waits for a decision, what is kept. */

import { type Api, explain, type Spaces } from './api.ts';
import { fileSize, percent, plural, timeLeft } from './describe.ts';
import { button, h, icon } from './element.ts';

export interface SpacePanel {
  readonly element: HTMLElement;
  /** Asks the server and draws the answer. */
  readonly refresh: () => Promise<void>;
}

/** @param onChanged after the person has changed something */
export function createSpacePanel(api: Api, onChanged: () => void): SpacePanel {
  const element = h('div', { class: 'spaces' });

  async function refresh(): Promise<void> {
    try {
      draw(await api.spaces());
    } catch (error) {
      element.replaceChildren(problem(error));
    }
  }

  async function act(action: () => Promise<unknown>): Promise<void> {
    try {
      await action();
      await refresh();
      onChanged();
    } catch (error) {
      element.append(problem(error));
    }
  }

  function draw({ building, kept, live }: Spaces): void {
    element.replaceChildren(
      ...(building ? [buildingSection(building, live)] : []),
      ...(kept.length > 0 ? [keptSection(kept)] : []),
    );
  }

  function buildingSection(building: NonNullable<Spaces['building']>, live: Spaces['live']): HTMLElement {
    const { done, total, failed, secondsLeft, held, estimate, spaces } = building;
    const facts = [`${done.toLocaleString()} of ${plural(total, 'item')}`];
    if (secondsLeft !== undefined) facts.push(timeLeft(secondsLeft));
    else if (done === 0 && estimate !== undefined) facts.push(`about ${timeLeft(estimate.seconds)}`);
    if (failed > 0) facts.push(`${failed.toLocaleString()} failed`);
    const bar = h('progress', { attributes: { max: 1, 'aria-label': 'New index' } });
    bar.value = building.progress;
    return h(
      'section',
      {},
      h('h3', {}, `Building the index of another model: ${percent(building.progress)}`),
      bar,
      h('p', { class: 'quiet' }, `${facts.join(' · ')}. Searches are answered by the present one until it is whole.`),
      held !== undefined && h('p', { class: 'failure' }, icon('warning'), held),
      held !== undefined &&
        button('Switch all the same', { class: 'button', onClick: () => void act(api.switchSpaces) }),
      button('Stop and erase it', {
        class: 'button',
        onClick: () =>
          void act(async () => {
            const isLive = (id: string) => live.some((space) => space.id === id);
            for (const { id } of spaces) if (!isLive(id)) await api.dropSpace(id);
          }),
      }),
    );
  }

  const keptSection = (kept: Spaces['kept']) =>
    h(
      'section',
      {},
      h('h3', {}, 'Kept from former models'),
      h(
        'ul',
        {},
        ...kept.map(({ id, model, sizeBytes }) =>
          h(
            'li',
            {},
            h('span', {}, `${model} `, h('span', { class: 'quiet' }, fileSize(sizeBytes))),
            button('Erase', {
              class: 'link',
              onClick: () => void act(() => api.dropSpace(id)),
            }),
          ),
        ),
      ),
    );

  return { element, refresh };
}

function problem(error: unknown): HTMLElement {
  return h('p', { class: 'failure' }, icon('warning'), explain(error));
}
