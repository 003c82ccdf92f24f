/**
 * Whole towers of full size, from a JPEG or a sentence to its vector: Chiasm's encoder beside the architecture written out in
 * PyTorch and pictures read by Pillow (`reference_towers.py`, Debian's /usr/bin/python3), with the same generated weights.
 */

import { spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { dot, normalize, row } from '#shared/core/vector.ts';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import { decodeImage } from '#shared/media/decode-image.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import type { Session } from '#shared/runtime/session.ts';
import type { Graph } from '#shared/runtime/write-onnx.ts';
import * as towers from './towers.ts';
import { writeTowerModel } from './write-tower-model.ts';

const TEXTS = [
  'red',
  'the sea',
  'a child on a swing',
  'two dogs running in the grass',
  'A man with a hat reads, alone.',
];
const REFERENCE = join(import.meta.dirname, 'reference_towers.py');

const TOWERS = [
  { model: 'clip-vit-base-patch32', tower: 'clip_vision', graph: () => towers.clipVision('float32') },
  { model: 'clip-vit-base-patch32', tower: 'clip_text', graph: () => towers.clipText('float32') },
  { model: 'siglip-base', tower: 'siglip_vision', graph: () => towers.siglipVision('float32') },
  { model: 'siglip-base', tower: 'siglip_text', graph: () => towers.siglipText('float32', 32_000) },
] as const;

/** Rows of a table: tower, inputs, lowest cosine. `keep` is where model folders are, or are written. */
export async function compareTowers(pictures: readonly string[], keep?: string): Promise<string[][]> {
  const scratch = await mkdtemp(join(tmpdir(), 'chiasm-towers-'));
  try {
    const rows: string[][] = [];
    for (const each of TOWERS) {
      const folder = await writeTowerModel(each.model, keep ?? scratch);
      const cosines = await compare(each.tower, folder, each.graph(), pictures, join(scratch, 'weights.f32'));
      rows.push([each.tower, `${cosines.length}`, Math.min(...cosines).toFixed(7)]);
    }
    return rows;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function compare(tower: string, folder: string, graph: Graph, pictures: readonly string[], weights: string) {
  await writeWeights(graph, weights);
  const isText = tower.endsWith('text');
  const ids: number[][] = [];
  const openSession = async (path: string | Uint8Array): Promise<Session> => {
    const session = await createOnnxSession(path);
    const run: Session['run'] = (inputs, outputs) => {
      if (isText) ids.push(Array.from(inputs.input_ids!.data, Number));
      return session.run(inputs, outputs);
    };
    return { ...session, run };
  };
  const encoder = await loadEncoder(folder, { openSession }, { modalities: [isText ? 'text' : 'image'] });
  try {
    ids.length = 0; // the encoder has tried itself
    const ours = isText ? await embedOneByOne(encoder) : await embedPictures(encoder, pictures);
    const theirs = askReference({ tower, weights, pictures, ids });
    const D = encoder.space.dimensions;
    return Array.from({ length: ours.length / D }, (_, i) => dot(row(ours, D, i), normalize(row(theirs, D, i))));
  } finally {
    await encoder.close();
  }
}

/** All weights but single numbers, one after the other. */
async function writeWeights(graph: Graph, path: string): Promise<void> {
  const parts = graph.initializers.flatMap((each) =>
    'data' in each && each.data instanceof Float32Array && each.shape.length > 0
      ? [new Uint8Array(each.data.buffer, each.data.byteOffset, each.data.byteLength)]
      : [],
  );
  await pipeline(Readable.from(parts), createWriteStream(path));
}

/** Together, texts would be sorted and padded. */
async function embedOneByOne(encoder: Encoder): Promise<Float32Array> {
  const rows: Float32Array[] = [];
  for (const text of TEXTS) rows.push(await encoder.embedTexts([text]));
  return Float32Array.from(rows.flatMap((each) => [...each]));
}

async function embedPictures(encoder: Encoder, paths: readonly string[]): Promise<Float32Array> {
  const decode = async (path: string) => (await decodeImage(await readFile(path), encoder.image!)).pixels;
  return encoder.embedImages(await Promise.all(paths.map(decode)));
}

function askReference(request: object): Float32Array {
  const { stdout, stderr, status } = spawnSync('/usr/bin/python3', [REFERENCE], { input: JSON.stringify(request) });
  if (status !== 0) throw new Error(`PyTorch: ${stderr}`);
  return new Float32Array(new Uint8Array(stdout).buffer);
}
