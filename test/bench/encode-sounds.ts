/** The part of `encode.bench.ts` for models of sounds: ten-second clips, their front end and the tower, and text queries. */

import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import type { OpenSession, Session } from '#shared/runtime/session.ts';
import { createThreadedSession } from '#shared/runtime/threaded-session.ts';
import { createRandom } from '../models/tiny-meaning.ts';
import { median, table } from './statistics.ts';

const CLIP_SECONDS = 10;
const CLIPS = 16;
const QUERIES = 40;

export async function measureSounds(name: string, folder: string, rounds: number): Promise<void> {
  let sessionMs = 0;
  const openSession: OpenSession = async (model, options) => {
    const session = await createThreadedSession(model, options);
    const run: Session['run'] = async (inputs, outputs) => {
      const startedMs = performance.now();
      try {
        return await session.run(inputs, outputs);
      } finally {
        sessionMs += performance.now() - startedMs;
      }
    };
    return { ...session, run };
  };
  const [startedMs, before] = [performance.now(), process.memoryUsage.rss()];
  const encoder = await loadEncoder(folder, { openSession }, { modalities: ['audio', 'text'] });
  const opening = [(performance.now() - startedMs) / 1000, (process.memoryUsage.rss() - before) / 1e6] as const;
  const random = createRandom(1);
  const samples = CLIP_SECONDS * (encoder.audio?.sampleRateHz ?? 0);
  const clips = Array.from({ length: CLIPS }, () => Float32Array.from({ length: samples }, () => random() - 0.5));
  await encoder.embedAudio(clips);
  const rates: { whole: number; session: number }[] = [];
  for (let round = 0; round < rounds; round++) {
    sessionMs = 0;
    const roundMs = performance.now();
    await encoder.embedAudio(clips);
    rates.push({ whole: (CLIPS * 1000) / (performance.now() - roundMs), session: (CLIPS * 1000) / sessionMs });
  }
  const queriesMs: number[] = [];
  for (let q = 0; q < QUERIES; q++) {
    const queryMs = performance.now();
    await encoder.embedTexts([`a dog barks at a passing train ${q}`]);
    queriesMs.push(performance.now() - queryMs);
  }
  const whole = median(rates.map((rate) => rate.whole));
  process.stdout.write(
    `\n${name}\n${table([
      ['sounds of 10 s, session alone', `${median(rates.map((rate) => rate.session)).toFixed(1)} /s`],
      [
        'sounds of 10 s, front end and session',
        `${whole.toFixed(1)} /s`,
        `${(whole * CLIP_SECONDS).toFixed(0)} times real time`,
      ],
      [
        'text queries, one by one',
        `${(1000 / median(queriesMs)).toFixed(1)} /s`,
        `median ${median(queriesMs).toFixed(1)} ms`,
      ],
      ['opening both towers', `${opening[0].toFixed(1)} s`, `${opening[1].toFixed(0)} MB`],
    ])}`,
  );
  await encoder.close();
}
