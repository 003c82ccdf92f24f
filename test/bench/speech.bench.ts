/**
 * Whisper base at full size with generated weights, driven as the program drives it: the time of one window of 30 seconds in its
 * three steps. Such weights speak until they may not go on (224 tokens), more than people say in 30 seconds.
 *
 *   npm run bench -- speech [--repeat N] [--keep DIR]
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ChiasmError } from '#shared/core/errors.ts';
import { createRandom } from '#shared/core/random.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { loadWhisper } from '#shared/speech/whisper.ts';
import { machine, median, table } from './statistics.ts';
import { writeWhisperModel } from './towers/write-whisper-model.ts';

const WINDOW_SECONDS = 30;
const SAMPLE_RATE_HZ = 16_000;
/** Read speech has about 150 words a minute, each 1.3 tokens, and its time stamps. */
const SPOKEN_TOKENS = 110;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { repeat: { type: 'string', default: '5' }, keep: { type: 'string' } },
  });
  const scratch = await mkdtemp(join(tmpdir(), 'chiasm-speech-'));
  try {
    const folder = await writeWhisperModel(resolve(values.keep ?? scratch));
    const random = createRandom(1);
    const noise = Float32Array.from({ length: WINDOW_SECONDS * SAMPLE_RATE_HZ }, () => 0.1 * random.normal());
    const times: Times = async (work) => {
      await work(); // the first call makes room
      const costs: Cost[] = [];
      for (let i = 0; i < Number(values.repeat); i++) costs.push(await costOf(work));
      return {
        wall: median(costs.map(({ wall }) => wall)),
        processor: median(costs.map(({ processor }) => processor)),
      };
    };
    const features = await measureFeatures(folder, noise, times);
    const encoder = await measureEncoder(folder, times);
    let asked = 0;
    const speech = await loadWhisper(folder, () => {
      asked += 1;
      return false;
    });
    const transcribe = () => speech.transcribe(noise).catch(refuseOthers);
    await transcribe();
    const tokens = asked - 2; // it asks before the window, behind it, and before each token
    const whole = await times(transcribe);
    await speech.close();
    const each = (of: (cost: Cost) => number) => (of(whole) - of(features) - of(encoder)) / tokens;
    const token = { wall: each(({ wall }) => wall), processor: each(({ processor }) => processor) };
    const spoken = (of: (cost: Cost) => number) => of(features) + of(encoder) + SPOKEN_TOKENS * of(token);
    const read = { wall: spoken(({ wall }) => wall), processor: spoken(({ processor }) => processor) };
    const row = (name: string, { wall, processor }: Cost, rate: string) => [name, `${wall.toFixed(3)} s`, `${processor.toFixed(3)} s`, rate]; // biome-ignore format: one line
    const speed = ({ wall }: Cost) => `${(WINDOW_SECONDS / wall).toFixed(1)} s of sound a second`;
    process.stdout.write(
      `${await machine()}\n\n${table([
        ['whisper-base, 8 bits, a window of 30 s', 'time', 'processor time', ''],
        row('features', features, ''),
        row('encoder', encoder, ''),
        row('decoder, a token', token, `${(1 / token.wall).toFixed(0)} tokens a second`),
        row(`with ${tokens} tokens, as these weights say`, whole, speed(whole)),
        row(`with ${SPOKEN_TOKENS} tokens, as in read speech (computed)`, read, speed(read)),
      ])}`,
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Seconds; the processor's are the sum over its cores. */
interface Cost {
  readonly wall: number;
  readonly processor: number;
}

type Times = (work: () => Promise<unknown>) => Promise<Cost>;

async function measureFeatures(folder: string, samples: Float32Array, times: Times): Promise<Cost> {
  const { AutoProcessor, env } = await import('@huggingface/transformers');
  Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: '' });
  const processor = await AutoProcessor.from_pretrained(folder, { local_files_only: true });
  return times(() => processor(samples));
}

async function measureEncoder(folder: string, times: Times): Promise<Cost> {
  const session = await createOnnxSession(join(folder, 'onnx', 'encoder_model_quantized.onnx'));
  const data = new Float32Array(80 * 3_000).fill(0.1);
  const inputs = { input_features: { type: 'float32' as const, data, shape: [1, 80, 3_000] } };
  const cost = await times(() => session.run(inputs, ['last_hidden_state']));
  await session.close();
  return cost;
}

/** What such weights say is often no speech, which is said once all of it is heard. */
function refuseOthers(thrown: unknown): void {
  if (!(thrown instanceof ChiasmError) || thrown.code !== 'corrupt_input') throw thrown;
}

async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const startedMs = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { wall: (performance.now() - startedMs) / 1e3, processor: (user + system) / 1e6 };
}
