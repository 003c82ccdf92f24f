/**
 * How long a model takes to load, and for one text, one picture and one sound at a time, already decoded: what a search waits for.
 *
 *   npm run bench -- latency [--model NAME] [--rounds R]
 */

import { parseArgs } from 'node:util';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import { findModel } from '#shared/models/find-model.ts';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';
import { machine, median, table } from './statistics.ts';

const WARM_UP = 20;
const SOUND_SECONDS = 5;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { model: { type: 'string', default: 'starter' }, rounds: { type: 'string', default: '200' } },
  });
  const model = await findModel(values.model, { dataFolder: '.chiasm' });
  const startedMs = performance.now();
  const encoder = await loadEncoder(model, { openSession: createThreadedSession });
  const rows = [['loading', milliseconds(performance.now() - startedMs)]];
  const measure = async (name: string, embed: () => Promise<unknown>) => {
    const times: number[] = [];
    for (let round = -WARM_UP; round < Number(values.rounds); round++) {
      const beganMs = performance.now();
      await embed();
      if (round >= 0) times.push(performance.now() - beganMs);
    }
    rows.push([name, milliseconds(median(times))]);
  };
  try {
    await measure('a text', () => encoder.embedTexts(['two dogs running in the grass']));
    if (encoder.image !== undefined) {
      const { width, height } = encoder.image;
      const picture = {
        width,
        height,
        data: Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * 7919) % 256),
      };
      await measure(`a picture of ${width} x ${height}`, () => encoder.embedImages([picture]));
    }
    if (encoder.audio !== undefined) {
      const samples = SOUND_SECONDS * encoder.audio.sampleRateHz;
      const clip = Float32Array.from({ length: samples }, (_, i) => Math.sin(i / 10));
      await measure(`${SOUND_SECONDS} s of sound`, () => encoder.embedAudio([clip]));
    }
  } finally {
    await encoder.close();
  }
  process.stdout.write(`${await machine()}; medians of ${values.rounds}\n\n${table(rows)}`);
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}
