/** A model folder with generated weights of full size in the layout of the catalogue's `whisper-base`. */

import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CATALOGUE } from '#shared/models/catalogue.ts';
import { type Graph, writeOnnx } from '#shared/runtime/write-onnx.ts';
import { specialTokens, whisperTexts } from '../../models/make-whisper.ts';
import { WHISPER_BASE, WHISPER_VOCABULARY, whisperDecoder, whisperEncoder } from './whisper-towers.ts';

const NAME = 'whisper-base';
const LANGUAGES = 99;

const GRAPHS: Readonly<Record<string, () => Graph>> = {
  'onnx/encoder_model_quantized.onnx': () => whisperEncoder('int8'),
  'onnx/decoder_model_merged_quantized.onnx': () => whisperDecoder('int8'),
};

/** Writes what is not there yet; returns the folder. */
export async function writeWhisperModel(parent: string): Promise<string> {
  const folder = join(parent, NAME);
  const languages = ['en', ...Array.from({ length: LANGUAGES - 1 }, (_, i) => `l${i}`)];
  const special = specialTokens(languages);
  const tokens = [
    ...Array.from({ length: WHISPER_VOCABULARY - special.length - 1 }, (_, i) => `Ġw${i}`),
    'Ġ',
    ...special,
  ];
  const { width, depth: layers, heads } = WHISPER_BASE;
  const texts = whisperTexts({ tokens, languages, width, layers, heads, windowSeconds: 30 });
  for (const { path } of CATALOGUE.find(({ name }) => name === NAME)!.files) {
    const target = join(folder, path);
    if (await stat(target).catch(() => undefined)) continue;
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, path in GRAPHS ? writeOnnx(GRAPHS[path]!()) : texts[path]!);
  }
  return folder;
}
