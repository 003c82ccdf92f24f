/** Runs an exported map once over many vectors. */

import type { Session } from '#shared/runtime/session.ts';
import type { TrainerDependencies } from '../graph/trainer.ts';

/** Vectors in one run. */
const ROWS = 4_096;

/** @param vectors [N, size] */
export async function mapRows(session: Session, vectors: Float32Array, size: number): Promise<Float32Array> {
  const parts: Float32Array[] = [];
  for (let start = 0; start < vectors.length; start += ROWS * size) {
    const data = vectors.slice(start, start + ROWS * size);
    const { mapped } = await session.run({ vectors: { type: 'float32', shape: [data.length / size, size], data } });
    parts.push(mapped!.data as Float32Array);
  }
  if (parts.length === 1) return parts[0]!;
  const whole = new Float32Array(parts.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

export async function runMap(
  model: Uint8Array,
  vectors: Float32Array,
  size: number,
  { openSession, sessionOptions }: TrainerDependencies,
): Promise<Float32Array> {
  const session = await openSession(model, sessionOptions);
  try {
    return await mapRows(session, vectors, size);
  } finally {
    await session.close();
  }
}
