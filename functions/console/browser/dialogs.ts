/** The small dialogs: help, the API key, and notices that go away by themselves. */

import { button, h, icon, place } from './element.ts';

const KEYS: readonly (readonly [readonly string[], string])[] = [
  [['/'], 'To the search box'],
  [['Enter'], 'In the box: make a term of the words'],
  [['?'], 'In the box, after a question: ask the collection'],
  [['-'], 'Before the words: search away from them'],
  [['Backspace'], 'In the empty box: take back the last term'],
  [['←', '→', '↑', '↓'], 'Through the results'],
  [['Enter'], 'Open; a sound starts to play'],
  [['Space'], 'Play a sound where it is'],
  [['←', '→'], 'In an open item: the one before, the next'],
  [['Esc'], 'Back'],
  [['?'], 'This help'],
];

/** Returns what opens the help. */
export function createHelp(): () => void {
  const dialog = h(
    'dialog',
    { class: 'sheet help', ariaLabel: 'Help' },
    h('header', {}, h('h2', {}, 'Help'), button('Close', { icon: 'close', bare: true, onClick: () => dialog.close() })),
    h(
      'p',
      {},
      'Describe what you look for, or drop a picture or a sound on the box. Terms add up: “beach”, plus a picture, minus “people”.',
    ),
    h(
      'dl',
      { class: 'keys' },
      ...KEYS.flatMap(([keys, meaning]) => [
        h('dt', {}, ...keys.map((key) => h('kbd', {}, key))),
        h('dd', {}, meaning),
      ]),
    ),
    h(
      'p',
      { class: 'quiet' },
      'Files that are dropped anywhere else join the collection. ',
      h('a', { href: './docs' }, 'The API has its own pages.'),
    ),
  );
  dialog.addEventListener('click', ({ target }) => target === dialog && dialog.close());
  document.body.append(dialog);
  return () => {
    if (!dialog.open) dialog.showModal();
  };
}

/** Asks until a key is given; nothing works without it. */
export function askForApiKey(refused: boolean): Promise<string> {
  return new Promise((resolve) => {
    const input = h('input', {
      type: 'password',
      attributes: { autocomplete: 'current-password', required: true },
    });
    const dialog = h(
      'dialog',
      { class: 'sheet', ariaLabel: 'API key' },
      h('h2', {}, 'This collection is protected'),
      refused && h('p', { class: 'failure' }, icon('warning'), 'That key was not accepted.'),
      h(
        'form',
        {
          class: 'key-form',
          on: {
            submit: (event) => {
              event.preventDefault();
              dialog.close();
              dialog.remove();
              resolve(input.value.trim());
            },
          },
        },
        h('label', { class: 'field' }, h('span', {}, 'API key'), input),
        h('button', { type: 'submit', class: 'button primary' }, 'Continue'),
      ),
      h('p', { class: 'quiet' }, 'It stays in this tab and is forgotten when the tab is closed.'),
    );
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    document.body.append(dialog);
    dialog.showModal();
  });
}

const NOTICE_MS = 6_000;

/** Says something to everybody: over whatever is open, and to screen readers. */
export function notify(text: string): void {
  document.querySelector('.notice')?.remove();
  const notice = h('p', { class: 'notice', attributes: { role: 'alert', popover: 'manual' } }, text);
  document.body.append(notice);
  notice.showPopover();
  setTimeout(() => notice.remove(), NOTICE_MS);
}

/** Says something to screen readers only. */
export function announce(text: string): void {
  place('announcements').textContent = text;
}
