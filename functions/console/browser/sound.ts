/**
 * The one player behind all sounds on the page: starting one stops the other. Whoever plays hears of the progress, which
 * drives the waveform's colour.
 */

import type { Media } from './media.ts';

export interface SoundListener {
  /** @param fraction of the whole sound that has been played, 0 to 1 */
  readonly onProgress: (fraction: number) => void;
  readonly onStop: () => void;
}

export interface SoundPlayer {
  /** Resolves to false when the browser forbids it, which it does until the person has clicked or typed something. */
  readonly play: (path: string, startSeconds: number, listener: SoundListener) => Promise<boolean>;
  readonly stop: () => void;
  readonly isPlaying: (path: string) => boolean;
}

export function createSoundPlayer(media: Media): SoundPlayer {
  const audio = new Audio();
  let current: { readonly path: string; readonly listener: SoundListener; address?: string } | undefined;
  let frame = 0;

  const stop = () => {
    const stopped = current;
    current = undefined;
    cancelAnimationFrame(frame);
    audio.pause();
    stopped?.listener.onStop();
    if (stopped?.address !== undefined) media.release(stopped.address);
  };
  const report = () => {
    if (current !== undefined && audio.duration > 0) current.listener.onProgress(audio.currentTime / audio.duration);
    frame = requestAnimationFrame(report);
  };
  audio.addEventListener('ended', () => {
    current?.listener.onProgress(1); // the last frame was a little before it
    stop();
  });

  return {
    play: async (path, startSeconds, listener) => {
      stop();
      const started: NonNullable<typeof current> = { path, listener };
      current = started;
      try {
        started.address = await media.soundAddress(path);
        if (current !== started) return true;
        audio.src = started.address;
        audio.currentTime = startSeconds;
        await audio.play();
        frame = requestAnimationFrame(report);
        return true;
      } catch {
        // `play` rejects when it was overtaken by another sound, when the browser forbids it, or cannot decode it
        if (current !== started) return true;
        stop();
        return false;
      }
    },
    stop,
    isPlaying: (path) => current?.path === path,
  };
}
