/** A line between a producer that runs ahead and one consumer that takes batches. */

export interface HandOver<T> {
  push(value: T): void;
  /** No more values will come. */
  end(): void;
  /**
   * The values in order: as soon as `isFull` says that they suffice, else `lingerMs` after the first one was there.
   * Empty when the line has ended.
   */
  take(isFull: (values: readonly T[]) => boolean, lingerMs: number): Promise<T[]>;
  /** Values not yet taken. */
  readonly length: number;
}

export function createHandOver<T>(): HandOver<T> {
  const values: T[] = [];
  let ended = false;
  let wake: () => void = () => {};
  const change = () => new Promise<void>((resolve) => (wake = resolve));
  return {
    push: (value) => {
      values.push(value);
      wake();
    },
    end: () => {
      ended = true;
      wake();
    },
    take: async (isFull, lingerMs) => {
      while (values.length === 0 && !ended) await change();
      let lingering = true;
      const timer = setTimeout(() => {
        lingering = false;
        wake();
      }, lingerMs);
      while (lingering && !ended && !isFull(values)) await change();
      clearTimeout(timer);
      const taken: T[] = [];
      while (values.length > 0 && !(taken.length > 0 && isFull(taken))) taken.push(values.shift()!);
      return taken;
    },
    get length() {
      return values.length;
    },
  };
}
