/** A bound on decoded bytes that wait for the encoder: whoever decodes asks first, whoever has encoded gives back. */

export interface ByteBudget {
  /** Resolves once `bytes` fit; a single request over the whole budget is let through alone. */
  acquire(bytes: number): Promise<void>;
  release(bytes: number): void;
}

export function createByteBudget(capacityBytes: number): ByteBudget {
  let usedBytes = 0;
  const waiting: { bytes: number; resume: () => void }[] = [];
  const fits = (bytes: number) => usedBytes === 0 || usedBytes + bytes <= capacityBytes;
  return {
    acquire: async (bytes) => {
      if (waiting.length === 0 && fits(bytes)) {
        usedBytes += bytes;
        return;
      }
      await new Promise<void>((resume) => waiting.push({ bytes, resume }));
    },
    release: (bytes) => {
      usedBytes -= bytes;
      while (waiting[0] && fits(waiting[0].bytes)) {
        const next = waiting.shift()!;
        usedBytes += next.bytes;
        next.resume();
      }
    },
  };
}
