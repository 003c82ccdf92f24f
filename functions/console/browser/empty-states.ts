/** What stands where there is nothing to show: why, and what to do. */

import type { Stats } from './api.ts';
import { button, type Child, h, icon } from './element.ts';
import { isSearch, type View } from './view.ts';

export interface EmptyStateActions {
  readonly onChooseFiles: () => void;
  readonly onChooseFolder: () => void;
}

/** @param stats undefined until the server has told them */
export function emptyState(view: View, stats: Stats | undefined, actions: EmptyStateActions): readonly Child[] {
  const narrowed = view.modality !== undefined || view.prefix !== '' || view.attributes.length > 0;
  if (isSearch(view) && stats?.items.indexed !== 0) {
    return [h('h2', {}, 'Nothing found'), h('p', {}, narrowed ? 'Try fewer filters.' : 'Try other words.')];
  }
  if (narrowed) return [h('h2', {}, 'Nothing here'), h('p', {}, 'No item passes these filters.')];
  if ((stats?.items.pending ?? 0) > 0) {
    return [
      h('div', { class: 'pulse', ariaHidden: 'true' }),
      h('h2', {}, 'Looking at your files'),
      h('p', {}, 'The first ones appear here in seconds, and can be searched while the rest is read.'),
    ];
  }
  return [
    h('div', { class: 'invitation', ariaHidden: 'true' }, icon('picture'), icon('sound'), icon('text')),
    h('h2', {}, 'Drop pictures, sounds or texts anywhere'),
    h('p', {}, 'Then find them by describing what you see and hear.'),
    h(
      'div',
      { class: 'actions' },
      button('Choose files', { icon: 'add', class: 'primary', onClick: actions.onChooseFiles }),
      button('Choose a folder', { icon: 'folder', onClick: actions.onChooseFolder }),
    ),
  ];
}
