/**
 * How near preprocessing is to the libraries that the models were trained with: pictures beside Pillow (through
 * /usr/bin/python3), as the slow image processors of transformers use it; sounds beside the formula in double precision.
 *
 *   npm run bench -- parity FOLDER [--pictures N]
 *   npm run bench -- parity FOLDER --towers [--pictures N] [--keep DIR]   whole towers beside PyTorch instead
 */

import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { createLogMel } from '#shared/encoders/log-mel.ts';
import { decodeImage } from '#shared/media/decode-image.ts';
import type { ImageGeometry } from '#shared/media/image.ts';
import { preprocessorConfigSchema } from '#shared/models/model-config.ts';
import { referenceLogMel } from '../encoders/reference-log-mel.ts';
import { createRandom } from '../models/tiny-meaning.ts';
import { table } from './statistics.ts';
import { compareTowers } from './towers/whole-towers.ts';

const GEOMETRIES: Readonly<Record<string, ImageGeometry>> = {
  'CLIP: short side 224, centre, bicubic': {
    width: 224,
    height: 224,
    fit: 'crop',
    shortestEdge: 224,
    filter: 'bicubic',
  },
  'SigLIP: 224 x 224, bicubic': { width: 224, height: 224, fit: 'squash', filter: 'bicubic' },
  'SigLIP 2: 224 x 224, bilinear': { width: 224, height: 224, fit: 'squash', filter: 'bilinear' },
  'DINOv2: short side 256, centre, bicubic': {
    width: 224,
    height: 224,
    fit: 'crop',
    shortestEdge: 256,
    filter: 'bicubic',
  },
  'Lanczos, 224 x 224': { width: 224, height: 224, fit: 'squash', filter: 'lanczos' },
};

/** Resize as transformers' get_resize_output_image_size and PIL's resize, then center_crop. */
const PILLOW = `
import io, json, struct, sys
from PIL import Image
FILTERS = {'nearest': 0, 'lanczos': 1, 'bilinear': 2, 'bicubic': 3}
data = sys.stdin.buffer
out = sys.stdout.buffer
while True:
    head = data.read(4)
    if not head: break
    g = json.loads(data.read(struct.unpack('<I', head)[0]))
    image = Image.open(io.BytesIO(data.read(g['bytes']))).convert('RGB')
    if g['fit'] == 'squash':
        image = image.resize((g['width'], g['height']), FILTERS[g['filter']])
    else:
        w, h = image.size
        s = g['shortestEdge']
        size = (s, int(s * h / w)) if w <= h else (int(s * w / h), s)
        image = image.resize(size, FILTERS[g['filter']])
        left, top = (size[0] - g['width']) // 2, (size[1] - g['height']) // 2
        image = image.crop((left, top, left + g['width'], top + g['height']))
    out.write(image.tobytes())
`;

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      pictures: { type: 'string', default: '40' },
      towers: { type: 'boolean', default: false },
      keep: { type: 'string' },
    },
  });
  const [folder] = positionals;
  if (folder === undefined) throw new Error('npm run bench -- parity FOLDER: give a folder with JPEGs');
  const files = (await readdir(folder)).filter((file) => /\.jpe?g$/i.test(file)).slice(0, Number(values.pictures));
  if (values.towers) {
    const compared = await compareTowers(
      files.map((file) => join(folder, file)),
      values.keep,
    );
    process.stdout.write(
      `Beside PyTorch, the same weights\n\n${table([['', 'inputs', 'lowest cosine'], ...compared])}`,
    );
    return;
  }
  const small = await Promise.all(files.map((file) => readFile(join(folder, file))));
  const large = await Promise.all(mosaics(small));
  const rows = [['', 'pictures', 'largest', 'mean', 'pixels that differ']];
  for (const [kind, pictures] of [
    ['as they are', small],
    ['mosaics of 2240 x 1680', large],
  ] as const) {
    for (const [name, geometry] of Object.entries(GEOMETRIES))
      rows.push([`${name}, ${kind}`, ...(await compare(pictures, geometry))]);
  }
  process.stdout.write(
    `Steps of 255 from Pillow ${pillowVersion()}, JPEG decoding included\n\n${table(rows)}\n${compareSounds()}`,
  );
}

/** Large pictures with the detail of photographs. */
function mosaics(pictures: readonly Buffer[]): Promise<Buffer>[] {
  return Array.from({ length: Math.min(4, Math.floor(pictures.length / 10)) }, async (_, m) => {
    const tiles = await Promise.all(
      Array.from({ length: 35 }, (_, i) =>
        sharp(pictures[(m * 35 + i) % pictures.length]!)
          .resize(320, 336, { fit: 'cover' })
          .toBuffer(),
      ),
    );
    const places = tiles.map((input, i) => ({ input, left: (i % 7) * 320, top: Math.floor(i / 7) * 336 }));
    const canvas = sharp({ create: { width: 2240, height: 1680, channels: 3, background: '#000' } });
    return canvas.composite(places).jpeg({ quality: 92 }).toBuffer();
  });
}

async function compare(pictures: readonly Buffer[], geometry: ImageGeometry): Promise<string[]> {
  const request = pictures.flatMap((bytes) => {
    const head = Buffer.from(JSON.stringify({ ...geometry, bytes: bytes.length }));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(head.length);
    return [length, head, bytes];
  });
  const { stdout, stderr, status } = spawnSync('/usr/bin/python3', ['-c', PILLOW], {
    input: Buffer.concat(request),
    maxBuffer: 2 ** 30,
  });
  if (status !== 0) throw new Error(`Pillow: ${stderr}`);
  const size = geometry.width * geometry.height * 3;
  const counts = new Float64Array(256);
  for (const [i, bytes] of pictures.entries()) {
    const { pixels } = await decodeImage(bytes, geometry);
    for (let p = 0; p < size; p++) counts[Math.abs(pixels.data[p]! - stdout[i * size + p]!)]! += 1;
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  const mean = counts.reduce((sum, count, step) => sum + count * step, 0) / total;
  const largest = counts.findLastIndex((count) => count > 0);
  return [`${pictures.length}`, `${largest}`, mean.toFixed(4), `${((1 - counts[0]! / total) * 100).toFixed(2)} %`];
}

function pillowVersion(): string {
  return spawnSync('/usr/bin/python3', ['-c', 'import PIL; print(PIL.__version__)']).stdout.toString().trim();
}

function compareSounds(): string {
  const { audio } = preprocessorConfigSchema.parse({
    feature_extractor_type: 'ClapFeatureExtractor',
    frequency_min: 50,
    max_length_s: 1,
  });
  if (audio?.feature_extractor_type !== 'ClapFeatureExtractor') throw new Error('not a log-mel front end');
  const random = createRandom(9);
  const clips = {
    'white noise': Float32Array.from({ length: 30_000 }, () => random() - 0.5),
    'a chirp': Float32Array.from({ length: 48_000 }, (_, s) => 0.8 * Math.sin(1e-6 * s * s)),
    clicks: Float32Array.from({ length: 20_000 }, (_, s) => (s % 4_000 === 0 ? 1 : 0)),
  };
  const logMel = createLogMel(audio);
  const rows = Object.entries(clips).map(([name, clip]) => {
    const ours = new Float32Array(logMel.frames * audio.feature_size);
    logMel.write(clip, ours, 0);
    const reference = referenceLogMel(clip, audio);
    const differences = ours.map((value, i) => Math.abs(value - reference[i]!));
    const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length;
    return [
      name,
      `${differences.reduce((a, b) => Math.max(a, b), 0).toExponential(1)} dB`,
      `${mean.toExponential(1)} dB`,
    ];
  });
  return `Log-mel frames beside the formula in double precision: largest and mean difference\n\n${table(rows)}`;
}
