/** Lets only the newest of several overlapping tasks have an effect. */

export interface Latest {
  /**
   * Aborts the task before, runs this one after the delay, and resolves to its value; to undefined when a newer one has
   * taken its place, even if this one's answer came.
   */
  readonly run: <T>(task: (signal: AbortSignal) => Promise<T>, delayMs?: number) => Promise<T | undefined>;
}

export function createLatest(): Latest {
  let current = new AbortController();
  return {
    run: async (task, delayMs = 0) => {
      current.abort();
      current = new AbortController();
      const { signal } = current;
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      if (signal.aborted) return undefined;
      try {
        const value = await task(signal);
        return signal.aborted ? undefined : value;
      } catch (error) {
        if (signal.aborted) return undefined;
        throw error;
      }
    },
  };
}
