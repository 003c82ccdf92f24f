/** Model folders that come from strangers: loaded or refused with a reason, never anything else. */

import { mkdir, mkdtemp, open, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { type Graph, writeOnnx } from '#shared/runtime/write-onnx.ts';
import { makeModelFolder } from '../models/make-model-folder.ts';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chiasm-hostile-'));
});
afterEach(() => rm(folder, { recursive: true }));

const VISION = 'onnx/vision_model.onnx';
const write = (name: string, content: string | Uint8Array) => writeFile(join(folder, name), content);

/** A file of holes: it takes no room on the disk. */
async function writeHoles(name: string, sizeBytes: number): Promise<void> {
  const file = await open(join(folder, name), 'w');
  await file.truncate(sizeBytes);
  await file.close();
}

const pictureGraph = (change: Partial<Graph>): Uint8Array =>
  writeOnnx({
    inputs: [{ name: 'pixel_values', type: 'float32', shape: ['batch', 3, 16, 16] }],
    outputs: [{ name: 'image_embeds', type: 'float32', shape: ['batch', 32] }],
    nodes: [
      { op: 'Flatten', inputs: ['pixel_values'], outputs: ['flat'], attributes: { axis: 1 } },
      { op: 'MatMul', inputs: ['flat', 'weights'], outputs: ['image_embeds'] },
    ],
    initializers: [],
    ...change,
  });
const outside = (location: string, shape = [768, 32]) =>
  pictureGraph({ initializers: [{ name: 'weights', shape, location }] });

const load = async () => {
  const encoder = await loadEncoder(folder, { openSession: createOnnxSession });
  await encoder.close();
};

describe('a folder is refused when', () => {
  it.each<[string, () => Promise<void>, RegExp]>([
    [
      'a graph is a pickle',
      () => write(VISION, Buffer.from('\x80\x04\x95', 'latin1')),
      /Python pickle, which is never loaded/,
    ],
    ['a graph is a PyTorch checkpoint', () => write(VISION, 'PK\x03\x04'), /ZIP archive/],
    ['a graph is a folder', () => rm(join(folder, VISION)).then(() => void mkdir(join(folder, VISION))), /not a file/],
    ['weights are in /etc', () => write(VISION, outside('/etc/passwd')), /outside the folder/],
    ['weights are above the folder', () => write(VISION, outside('../config.json')), /outside the folder/],
    [
      'weights are behind a link that leaves the folder',
      async () => {
        await symlink('/etc/hostname', join(folder, 'onnx/weights.bin'));
        await write(VISION, outside('weights.bin'));
      },
      /a link that leaves the folder/,
    ],
    ['weights are missing', () => write(VISION, outside('weights.bin')), /missing/],
    [
      'weights declare 3 GB in a few bytes',
      () =>
        write(
          VISION,
          pictureGraph({ initializers: [{ name: 'weights', shape: [768, 1_000_000], data: new Float32Array(4) }] }),
        ),
      /2.86 GiB of weights; the limit is 2.00 GiB/,
    ],
    [
      'weights beside the graph have 3 GB',
      async () => {
        await writeHoles('onnx/weights.bin', 768 * 1_000_000 * 4);
        await write(VISION, outside('weights.bin', [768, 1_000_000]));
      },
      /2.86 GiB of weights; the limit is 2.00 GiB/,
    ],
    ['a graph has over 2 GiB', () => writeHoles(VISION, 3e9), /at most 2 GiB/],
    [
      'vectors have another size than those of the other tower',
      () =>
        write(
          VISION,
          pictureGraph({
            initializers: [{ name: 'weights', shape: [768, 16], data: new Float32Array(768 * 16).fill(0.1) }],
          }),
        ),
      /expected vectors of 32 dimensions; got 16|ONNX Runtime/,
    ],
    [
      'an operator is one that nobody knows',
      () =>
        write(
          VISION,
          pictureGraph({ nodes: [{ op: 'RunShellCommand', inputs: ['pixel_values'], outputs: ['image_embeds'] }] }),
        ),
      /ONNX Runtime cannot load .*RunShellCommand/,
    ],
    ['the tokenizer is a web page', () => write('tokenizer.json', '<!doctype html>'), /tokenizer.json is not JSON/],
    ['the tokenizer is a list', () => write('tokenizer.json', '[1, 2]'), /tokenizer.json does not fit its schema/],
    [
      'the tokenizer is of no kind that is known',
      () => write('tokenizer.json', '{"model": {"type": "Shell"}}'),
      /cannot be used/,
    ],
    ['the tokenizer has 300 MB', () => writeHoles('tokenizer.json', 300e6), /300 MB; at most 256 are read/],
    [
      'the tokenizer is a folder',
      () => rm(join(folder, 'tokenizer.json')).then(() => void mkdir(join(folder, 'tokenizer.json'))),
      /cannot be read/,
    ],
    ['the configuration is nothing', () => write('config.json', ''), /config.json is not JSON/],
    [
      'pictures would be of 100,000 pixels a side',
      () => write('preprocessor_config.json', '{"size": {"height": 100000, "width": 100000}}'),
      /preprocessor_config.json/,
    ],
  ])('%s', async (_title, spoil, message) => {
    await makeModelFolder(folder, { family: 'clip' });
    await spoil();
    await expect(load()).rejects.toMatchObject({
      name: 'ChiasmError',
      code: expect.stringMatching(/^(model_invalid|too_large)$/),
      message: expect.stringMatching(message),
    });
  });

  it('it is of the fused CLAP, whose front end crops at random', async () => {
    await makeModelFolder(folder, { family: 'clap', windowSeconds: 2 });
    const path = join(folder, 'preprocessor_config.json');
    const config = JSON.parse(await readFile(path, 'utf8'));
    await writeFile(path, JSON.stringify({ ...config, truncation: 'fusion' }));
    await expect(load()).rejects.toThrow(/choose an export of the unfused model/);
  });
});

describe('a folder loads although', () => {
  it('a pickle and a script lie in it, which nobody looks at', async () => {
    await makeModelFolder(folder, { family: 'clip' });
    await write('pytorch_model.bin', Buffer.from('\x80\x04\x95', 'latin1'));
    await write('modeling_clip.py', 'import os; os.abort()');
    await load();
  });

  it('its text graph takes one length only, and does not say so', async () => {
    await makeModelFolder(folder, { family: 'clip' });
    const { model_max_length: length } = JSON.parse(await readFile(join(folder, 'tokenizer_config.json'), 'utf8'));
    const positions = { name: 'positions', shape: [1, length], data: new Float32Array(length).fill(0.5) };
    await write(
      'onnx/text_model.onnx',
      writeOnnx({
        inputs: [{ name: 'input_ids', type: 'int64', shape: ['batch', 'tokens'] }],
        outputs: [{ name: 'text_embeds', type: 'float32', shape: ['batch', 32] }],
        initializers: [
          positions,
          { name: 'weights', shape: [length, 32], data: new Float32Array(length * 32).fill(0.1) },
        ],
        nodes: [
          { op: 'Cast', inputs: ['input_ids'], outputs: ['numbers'], attributes: { to: 1 } },
          { op: 'Add', inputs: ['numbers', 'positions'], outputs: ['placed'] },
          { op: 'MatMul', inputs: ['placed', 'weights'], outputs: ['text_embeds'] },
        ],
      }),
    );
    await load();
  });
});
