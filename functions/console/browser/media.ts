/**
 * Gives pictures and sounds to media elements. A plain server is asked by the element itself; a server that wants a key
 * cannot be, because elements send no `Authorization`: then the bytes are fetched, pictures only when they come near the
 * window.
 */

import type { Api } from './api.ts';
import { isAbort } from './api.ts';

export interface Media {
  readonly showPicture: (image: HTMLImageElement, path: string) => void;
  /** What a player's `src` is set to. The caller revokes it with `release`. */
  readonly soundAddress: (path: string) => Promise<string>;
  readonly release: (address: string) => void;
}

export function createMedia(api: Api): Media {
  const paths = new WeakMap<Element, string>();
  const nearby = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        nearby.unobserve(target);
        void fetchPicture(target as HTMLImageElement, paths.get(target)!);
      }
    },
    { rootMargin: '400px' },
  );

  async function blobAddress(path: string): Promise<string> {
    return URL.createObjectURL(await (await api.object(path)).blob());
  }

  async function fetchPicture(image: HTMLImageElement, path: string): Promise<void> {
    try {
      const address = await blobAddress(path);
      image.addEventListener('load', () => URL.revokeObjectURL(address), { once: true });
      image.src = address;
    } catch (error) {
      if (!isAbort(error)) image.dispatchEvent(new Event('error')); // the tile shows what it shows for any broken picture
    }
  }

  return {
    showPicture: (image, path) => {
      if (!api.isProtected()) {
        image.loading = 'lazy';
        image.src = path;
        return;
      }
      paths.set(image, path);
      nearby.observe(image);
    },
    soundAddress: (path) => (api.isProtected() ? blobAddress(path) : Promise.resolve(path)),
    release: (address) => {
      if (address.startsWith('blob:')) URL.revokeObjectURL(address);
    },
  };
}
