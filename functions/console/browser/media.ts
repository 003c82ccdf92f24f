/**
 * Gives pictures, sounds and the beginnings of texts to the elements that show them. A plain server is asked for a picture
 * by the `<img>` itself; a server that wants a key cannot be, because elements send no `Authorization`: then the bytes are
 * fetched here, when the element comes near the window.
 */

import { type Api, ApiProblem } from './api.ts';
import { unwrapped } from './describe.ts';

export interface Media {
  readonly showPicture: (image: HTMLImageElement, path: string) => void;
  /** Fills the element with the first lines of a text. */
  readonly showBeginning: (element: HTMLElement, path: string) => void;
  /** What a player's `src` is set to. The caller gives it back with `release`. */
  readonly soundAddress: (path: string) => Promise<string>;
  readonly release: (address: string) => void;
}

const BEGINNING_BYTES = 600; // more than a tile shows

export function createMedia(api: Api): Media {
  const whenNear = createNearness();

  async function blobAddress(path: string): Promise<string> {
    return URL.createObjectURL(await (await api.object(path)).blob());
  }

  async function fetchPicture(image: HTMLImageElement, path: string): Promise<void> {
    try {
      const address = await blobAddress(path);
      image.addEventListener('load', () => URL.revokeObjectURL(address), { once: true });
      image.src = address;
    } catch {
      image.dispatchEvent(new Event('error')); // it shows what it shows for any broken picture
    }
  }

  async function fetchBeginning(element: HTMLElement, path: string): Promise<void> {
    try {
      const response = await api.object(path, { headers: { range: `bytes=0-${BEGINNING_BYTES - 1}` } });
      element.textContent = unwrapped((await textOf(response)).trim());
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error; // a tile without its first lines still has its name
    }
  }

  return {
    showPicture: (image, path) => {
      if (api.isProtected()) {
        whenNear(image, () => void fetchPicture(image, path));
      } else {
        image.loading = 'lazy';
        image.src = path;
      }
    },
    showBeginning: (element, path) => whenNear(element, () => void fetchBeginning(element, path)),
    soundAddress: (path) => (api.isProtected() ? blobAddress(path) : Promise.resolve(path)),
    release: (address) => {
      if (address.startsWith('blob:')) URL.revokeObjectURL(address);
    },
  };
}

/** UTF-16 with its byte order mark, UTF-8, else Windows-1252; of a part of a text, without the character that the cut goes through. */
export async function textOf(response: Response): Promise<string> {
  const bytes = new Uint8Array(await response.arrayBuffer());
  const mark = `${bytes[0]} ${bytes[1]}`;
  const encoding = mark === '255 254' ? 'utf-16le' : mark === '254 255' ? 'utf-16be' : 'utf-8';
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes, { stream: response.status === 206 });
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}

/** Returns what runs a task once, when an element comes near the window. */
function createNearness(): (element: Element, task: () => void) => void {
  const tasks = new WeakMap<Element, () => void>();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (!isIntersecting) continue;
        observer.unobserve(target);
        tasks.get(target)?.();
      }
    },
    { rootMargin: '400px' },
  );
  return (element, task) => {
    tasks.set(element, task);
    observer.observe(element);
  };
}
