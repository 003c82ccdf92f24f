/** One entry of the collection as a link: a picture, a waveform, or a card with a passage. */

import { type Entry, objectPath } from './api.ts';
import { duration, isResult, markedText, matchOf, percent, spokenName, titleOf } from './describe.ts';
import { h, icon, waveform } from './element.ts';
import type { Media } from './media.ts';
import type { SoundPlayer } from './sound.ts';

export interface TileContext {
  readonly media: Media;
  readonly player: SoundPlayer;
  /** The address that a tile links to. */
  readonly address: (entry: Entry) => string;
  readonly onOpen: (entry: Entry) => void;
}

/** What a dragged tile carries; the search box takes it as a term. */
export const DRAGGED_KEY = 'application/x-chiasm-key';

const SOUND_RATIO = 1.9;
const TEXT_RATIO = 1.5;
const RATIO_LIMITS = [0.45, 3.2] as const; // beyond these a picture is cut at its ends, or its row could not hold anything else
const THUMBNAIL_WIDTHS = [320, 640] as const;
/** Texts that are shown as they are stored. */
export const READABLE = /^text\/(plain|markdown|csv)|json/;
const HOVER_DELAY_MS = 180; // a pointer that only passes by plays nothing

export function createTile(entry: Entry, context: TileContext): HTMLLIElement {
  const link = h(
    'a',
    {
      class: `tile ${entry.modality ?? 'unknown'}`,
      href: context.address(entry),
      draggable: true,
      attributes: { 'data-key': entry.key, 'aria-label': spokenName(entry), tabindex: -1 },
      style: entry.preview.averageColour === undefined ? {} : { '--placeholder': entry.preview.averageColour },
      on: {
        click: (event) => {
          if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return; // the browser's own tab or window
          event.preventDefault();
          context.onOpen(entry);
        },
        dragstart: (event) => event.dataTransfer?.setData(DRAGGED_KEY, entry.key),
      },
    },
    ...body(entry, context),
    probabilityBar(entry),
  );
  if (entry.modality === 'audio') listenOnHover(link, entry, context.player);
  return h('li', { class: 'cell', style: { '--ratio': ratioOf(entry).toFixed(3) } }, link);
}

function ratioOf({ modality, preview: { width, height } }: Entry): number {
  if (modality === 'audio') return SOUND_RATIO;
  if (modality !== 'image') return TEXT_RATIO;
  if (!width || !height) return 1;
  return Math.min(RATIO_LIMITS[1], Math.max(RATIO_LIMITS[0], width / height));
}

function body(entry: Entry, context: TileContext): Node[] {
  if (entry.modality === 'image') return [picture(entry, context.media), caption(entry)];
  if (entry.modality === 'audio') return soundBody(entry);
  return textBody(entry, context.media);
}

function picture(entry: Entry, media: Media): HTMLImageElement {
  const image = h('img', {
    attributes: { alt: '', decoding: 'async', draggable: 'false' },
    on: {
      load: () => image.classList.add('loaded'),
      error: () => image.closest('.tile')?.classList.add('broken'),
    },
  });
  // The row may be stretched to nearly twice its height, on screens with two pixels to the point.
  const wide = ratioOf(entry) * devicePixelRatio > 1.6;
  media.showPicture(image, objectPath(entry.key, THUMBNAIL_WIDTHS[wide ? 1 : 0]));
  return image;
}

function soundBody(entry: Entry): Node[] {
  const { waveform: peaks = [], durationSeconds } = entry.preview;
  return [
    h(
      'span',
      { class: 'sound' },
      peaks.length > 0 ? waveform(peaks, 'wave') : icon('sound'),
      peaks.length > 0 && waveform(peaks, 'wave played'),
    ),
    h(
      'span',
      { class: 'label' },
      icon('play'),
      h('span', { class: 'name' }, titleOf(entry)),
      durationSeconds !== undefined && h('span', { class: 'quiet' }, duration(durationSeconds)),
    ),
  ];
}

function textBody(entry: Entry, media: Media): Node[] {
  const snippet = isResult(entry) ? entry.snippet : undefined;
  const passage = h('span', { class: 'passage' }, ...(snippet === undefined ? [] : markedText(snippet)));
  if (snippet === undefined && READABLE.test(entry.contentType)) media.showBeginning(passage, objectPath(entry.key));
  return [passage, h('span', { class: 'label' }, icon('text'), h('span', { class: 'name' }, titleOf(entry)))];
}

function caption(entry: Entry): HTMLElement {
  const { words, probability } = isResult(entry) ? matchOf(entry) : {};
  return h(
    'span',
    { class: 'caption' },
    h('span', { class: 'name' }, titleOf(entry)),
    h('span', {}, probability === undefined ? words : percent(probability)),
  );
}

function probabilityBar(entry: Entry): HTMLElement | undefined {
  const { probability } = isResult(entry) ? matchOf(entry) : {};
  if (probability === undefined) return undefined;
  return h('span', { class: 'probability', style: { '--probability': probability.toFixed(3) } });
}

function listenOnHover(link: HTMLAnchorElement, entry: Entry, player: SoundPlayer): void {
  let timer: number | undefined;
  link.addEventListener('pointerenter', (event) => {
    if (event.pointerType === 'mouse') timer = window.setTimeout(() => playTile(link, entry, player), HOVER_DELAY_MS);
  });
  link.addEventListener('pointerleave', () => {
    window.clearTimeout(timer);
    if (player.isPlaying(objectPath(entry.key))) player.stop();
  });
  link.addEventListener('keydown', (event) => {
    if (event.key !== ' ') return;
    event.preventDefault();
    if (player.isPlaying(objectPath(entry.key))) player.stop();
    else playTile(link, entry, player);
  });
}

function playTile(link: HTMLElement, entry: Entry, player: SoundPlayer): void {
  link.classList.add('playing');
  void player.play(objectPath(entry.key), startOf(entry), {
    onProgress: (fraction) => link.style.setProperty('--played', fraction.toFixed(4)),
    onStop: () => {
      link.classList.remove('playing');
      link.style.removeProperty('--played');
    },
  });
}

/** The second at which what was found begins. */
export function startOf(entry: Entry): number {
  const part = isResult(entry) ? entry.part : null;
  return part !== null && 'startSeconds' in part ? part.startSeconds : 0;
}
