/** The two buttons in the box: search by a file, and by a sound recorded now. */

import { explain } from './api.ts';
import { notify } from './dialogs.ts';
import { pickFiles } from './dropped-files.ts';
import { button, icon, place } from './element.ts';
import { type Recording, startRecording } from './query-media.ts';
import type { Term } from './view.ts';

export interface BoxToolsOptions {
  readonly onFiles: (files: readonly File[]) => void;
  readonly onTerm: (term: Term) => void;
}

export function addBoxTools({ onFiles, onTerm }: BoxToolsOptions): void {
  place('box-tools').append(
    button('Search by a picture or a sound', {
      icon: 'picture',
      bare: true,
      onClick: () => pickFiles({ accept: 'image/*,audio/*' }, (files) => onFiles(files.map(({ file }) => file))),
    }),
    ...(navigator.mediaDevices === undefined ? [] : [recordButton(onTerm)]), // browsers give the microphone to secure origins only
  );
}

function recordButton(onTerm: (term: Term) => void): HTMLButtonElement {
  let recording: Recording | undefined;
  const element = button('Search by a recorded sound', {
    icon: 'microphone',
    bare: true,
    onClick: () => void toggle(),
  });
  const draw = () => {
    const label = recording === undefined ? 'Search by a recorded sound' : 'Stop recording and search';
    element.replaceChildren(icon(recording === undefined ? 'microphone' : 'stop'));
    element.classList.toggle('recording', recording !== undefined);
    element.setAttribute('aria-label', label);
    element.title = label;
  };
  const toggle = async () => {
    if (recording !== undefined) {
      recording.stop();
      return;
    }
    try {
      recording = await startRecording();
      draw();
      onTerm(await recording.term);
    } catch (error) {
      notify(`There is no recording: ${explain(error)}`);
    } finally {
      recording = undefined;
      draw();
    }
  };
  return element;
}
