/** The large part of an item's page: a picture, a player with its waveform, or the text with the passage that was found. */

import { type Api, type Entry, explain, type Item, objectPath } from './api.ts';
import { duration, isResult, markedText, titleOf } from './describe.ts';
import { button, h, icon, waveform } from './element.ts';
import { type Media, textOf } from './media.ts';
import type { SoundPlayer } from './sound.ts';
import { READABLE, startOf } from './tile.ts';

export interface Stage {
  readonly element: HTMLElement;
  readonly stop: () => void;
}

interface StageContext {
  readonly api: Api;
  readonly media: Media;
  readonly player: SoundPlayer;
}

const LARGE_PIXELS = 1600;
const SEEK_STEP_SECONDS = 5;
const SEEN_AT_ONCE_CHARACTERS = 1_500;
const MOST_CHARACTERS = 200_000; // beyond this a page is no place to read a text

/** @param transcript what is said in a sound; each stretch of it can be played */
export function createStage(entry: Entry, context: StageContext, transcript: Item['transcript'] = []): Stage {
  if (entry.modality === 'image') return pictureStage(entry, context.media);
  if (entry.modality === 'audio') return soundStage(entry, context.player, transcript);
  if (entry.modality === 'text') return textStage(entry, context.api);
  return { element: h('div', { class: 'stage unreadable' }, icon('warning')), stop: () => {} };
}

function pictureStage(entry: Entry, media: Media): Stage {
  const { width, height, averageColour } = entry.preview;
  const image = h('img', { attributes: { alt: titleOf(entry) }, on: { load: () => image.classList.add('loaded') } });
  const element = h(
    'div',
    {
      class: 'stage picture',
      style: {
        ...(averageColour !== undefined && { '--placeholder': averageColour }),
        // A small picture is enlarged, but not until it is all blur.
        ...(width !== undefined &&
          height !== undefined && {
            '--natural-width': `${width}px`,
            '--natural-height': `${height}px`,
            '--ratio': (width / height).toFixed(3),
          }),
      },
    },
    image,
  );
  image.addEventListener('error', () => element.replaceChildren(icon('warning'), 'This picture cannot be shown.'));
  // Not the original: it may be a TIFF, which browsers do not show, or of any size.
  media.showPicture(image, objectPath(entry.key, LARGE_PIXELS));
  return { element, stop: () => {} };
}

function soundStage(entry: Entry, player: SoundPlayer, transcript: NonNullable<Item['transcript']>): Stage {
  const { waveform: peaks = [], durationSeconds = 0 } = entry.preview;
  const path = objectPath(entry.key);
  let second = startOf(entry);

  const time = h('span', { class: 'time' });
  const toggle = h('button', {
    type: 'button',
    class: 'button primary round',
    on: { click: () => (playing() ? player.stop() : play()) },
  });
  const track = h(
    'div',
    {
      class: 'track',
      attributes: {
        role: 'slider',
        tabindex: 0,
        'aria-label': 'Position',
        'aria-valuemin': 0,
        'aria-valuemax': Math.ceil(durationSeconds),
      },
      on: {
        click: (event) => {
          const box = track.getBoundingClientRect();
          play(((event.clientX - box.left) / box.width) * durationSeconds);
        },
        keydown: (event) => {
          const step = { ArrowLeft: -SEEK_STEP_SECONDS, ArrowRight: SEEK_STEP_SECONDS }[event.key];
          if (step === undefined) return;
          event.preventDefault();
          play(Math.max(0, Math.min(durationSeconds, second + step)));
        },
      },
    },
    peaks.length > 0 && waveform(peaks, 'wave'),
    peaks.length > 0 && waveform(peaks, 'wave played'),
  );

  const playing = () => player.isPlaying(path);
  const draw = () => {
    time.textContent = `${duration(second)} / ${duration(durationSeconds)}`;
    const played = durationSeconds > 0 ? second / durationSeconds : 0;
    track.style.setProperty('--played', String(Math.round(played * 1e4) / 1e4));
    track.setAttribute('aria-valuenow', second.toFixed(0));
    track.setAttribute('aria-valuetext', duration(second));
    if (toggle.getAttribute('aria-label') === (playing() ? 'Pause' : 'Play')) return;
    toggle.setAttribute('aria-label', playing() ? 'Pause' : 'Play');
    toggle.replaceChildren(icon(playing() ? 'pause' : 'play'));
  };
  const play = (from = second >= durationSeconds - 0.1 ? 0 : second) => {
    second = from;
    void player.play(path, from, {
      onProgress: (fraction) => {
        second = fraction * durationSeconds;
        draw();
      },
      onStop: draw,
    });
    draw();
  };
  const lines = transcript.map(({ startSeconds, text }) => {
    const from = clock(startSeconds);
    const attributes = { 'aria-label': `Play from ${from}` };
    const seek = button(from, { class: 'seek', attributes, onClick: () => play(startSeconds) });
    return h('li', {}, seek, h('span', {}, text));
  });
  draw();
  play();
  return {
    element: h(
      'div',
      { class: 'stage player' },
      track,
      h('div', { class: 'player-bar' }, toggle, time),
      lines.length > 0 && h('ol', { class: 'transcript', ariaLabel: 'What is said' }, ...lines),
    ),
    stop: player.stop,
  };
}

/** `1:05`, also for the first seconds, so that the lines of a transcript stand under each other. */
const clock = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`;

function textStage(entry: Entry, api: Api): Stage {
  const found = isResult(entry) ? entry : undefined;
  const whole = h('div', { class: 'text-body' });
  const passage = h('blockquote', { class: 'passage' }, ...markedText(found?.snippet ?? ''));
  passage.hidden = found?.snippet === undefined;
  const element = h('div', { class: 'stage reader' }, passage, whole);
  const reading = new AbortController();
  const showWhole = async () => {
    try {
      const text = await textOf(await api.object(objectPath(entry.key), { signal: reading.signal }));
      whole.replaceChildren(text.slice(0, MOST_CHARACTERS));
      if (text.length < SEEN_AT_ONCE_CHARACTERS) passage.hidden = true; // it would only say the same twice
      if (text.length > MOST_CHARACTERS) whole.append(h('p', { class: 'quiet' }, 'The rest is in the original.'));
    } catch (error) {
      if (!reading.signal.aborted) whole.replaceChildren(explain(error));
    }
  };
  if (READABLE.test(entry.contentType)) void showWhole();
  else whole.append(button('Read the source', { icon: 'text', onClick: () => void showWhole() }));
  return { element, stop: () => reading.abort() };
}
