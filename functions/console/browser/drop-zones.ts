/** Dropping: on the box it searches, anywhere else it uploads. While something is dragged, both places say so. */

import { filesOfDrop, type PathedFile } from './dropped-files.ts';
import { h, icon, place } from './element.ts';
import { DRAGGED_KEY } from './tile.ts';

export interface DropZoneOptions {
  readonly onSearchFiles: (files: readonly File[]) => void;
  readonly onSearchItem: (key: string) => void;
  readonly onUpload: (files: readonly PathedFile[]) => void;
  readonly onError: (error: unknown) => void;
}

export function createDropZones(options: DropZoneOptions): void {
  const box = place('box');
  const curtain = h(
    'div',
    { class: 'curtain', hidden: true, ariaHidden: 'true' },
    h('p', {}, icon('add'), 'Drop to add to the collection'),
    h('p', { class: 'quiet' }, 'or on the box above to search with it'),
  );
  document.body.append(curtain);

  const carries = (event: DragEvent, type: string) => event.dataTransfer?.types.includes(type) === true;
  const overBox = (event: DragEvent) => event.target instanceof Node && box.contains(event.target);
  const end = () => {
    curtain.hidden = true;
    box.classList.remove('dragging', 'over');
  };

  window.addEventListener('dragover', (event) => {
    const files = carries(event, 'Files') && !carries(event, DRAGGED_KEY);
    const item = carries(event, DRAGGED_KEY);
    if (!files && !item) return;
    curtain.hidden = !files;
    box.classList.add('dragging');
    box.classList.toggle('over', overBox(event));
    if (files || overBox(event)) event.preventDefault(); // allows the drop
    if (event.dataTransfer) event.dataTransfer.dropEffect = 'copy';
  });
  window.addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) end(); // out of the window
  });
  window.addEventListener('dragend', end);
  window.addEventListener('drop', (event) => {
    end();
    const { dataTransfer } = event;
    if (dataTransfer === null) return;
    const key = dataTransfer.getData(DRAGGED_KEY);
    if (key !== '') {
      event.preventDefault();
      if (overBox(event)) options.onSearchItem(key);
    } else if (carries(event, 'Files')) {
      event.preventDefault();
      if (overBox(event)) options.onSearchFiles([...dataTransfer.files]);
      else filesOfDrop(dataTransfer).then(options.onUpload, options.onError);
    }
  });
}
