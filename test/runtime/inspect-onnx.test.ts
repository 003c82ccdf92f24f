import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ChiasmError } from '#shared/core/errors.ts';
import { inspectOnnx } from '#shared/runtime/inspect-onnx.ts';
import { type ExternalInitializer, type Graph, type Initializer, writeOnnx } from '#shared/runtime/write-onnx.ts';

const withWeights = (...initializers: (Initializer | ExternalInitializer)[]): Graph => ({
  inputs: [{ name: 'x', type: 'float32', shape: [3] }],
  outputs: [{ name: 'y', type: 'float32', shape: [3] }],
  nodes: [{ op: 'Add', inputs: ['x', 'weights'], outputs: ['y'] }],
  initializers,
});
const inline: Initializer = { name: 'weights', shape: [3], data: Float32Array.of(1, 2, 3) };
const external = (location: string, shape = [3]): ExternalInitializer => ({ name: 'weights', shape, location });

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chiasm-inspect-'));
  await mkdir(join(folder, 'onnx'));
});
afterAll(() => rm(folder, { recursive: true }));

async function refusal(bytes: Uint8Array): Promise<ChiasmError> {
  const path = join(folder, 'onnx', 'model.onnx');
  await writeFile(path, bytes);
  try {
    inspectOnnx(path);
  } catch (error) {
    if (error instanceof ChiasmError) return error;
    throw error;
  }
  throw new Error('the model was accepted');
}

describe('a model that is well', () => {
  it('is summed up without its weights being read', async () => {
    const path = join(folder, 'onnx', 'good.onnx');
    await writeFile(path, writeOnnx(withWeights(inline)));
    expect(inspectOnnx(path)).toEqual({ irVersion: 9, weightBytes: 12, externalFiles: [] });
  });

  it('may keep weights in a file beside it', async () => {
    const path = join(folder, 'onnx', 'split.onnx');
    await writeFile(path, writeOnnx(withWeights(external('split.onnx_data'))));
    await writeFile(join(folder, 'onnx', 'split.onnx_data'), new Uint8Array(12));
    expect(inspectOnnx(path)).toEqual({ irVersion: 9, weightBytes: 12, externalFiles: ['split.onnx_data'] });
  });
});

describe('what is put in the place of a model', () => {
  it.each([
    ['an empty file', Buffer.alloc(0), 'it is empty'],
    ['a pickle', Buffer.from('\x80\x04\x95\x10\x00\x00\x00', 'latin1'), 'pickle'],
    ['a PyTorch checkpoint', Buffer.from('PK\x03\x04\x00\x00', 'latin1'), 'ZIP'],
    ['a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\n'), 'git lfs pull'],
    ['a safetensors file', Buffer.from('\x40\x00\x00\x00\x00\x00\x00\x00{"a":{}}', 'latin1'), 'safetensors'],
    ['a TensorFlow Lite model', Buffer.from('\x1c\x00\x00\x00TFL3', 'latin1'), 'TensorFlow Lite'],
    ['a web page', Buffer.from('<!doctype html><title>404</title>'), 'web page'],
    ['noise', Buffer.from([0x07, 0xff, 0x13, 0x37]), 'not an ONNX model'],
    ['a protobuf message of another kind', Buffer.from([0x08, 0x01]), 'no graph'],
  ])('%s is told by name', async (_title, bytes, message) => {
    const error = await refusal(bytes);
    expect(error.code).toBe('model_invalid');
    expect(error.message).toContain(message);
  });

  it('a missing file and a folder are refused', () => {
    expect(() => inspectOnnx(join(folder, 'onnx', 'nothing.onnx'))).toThrow(/missing/);
    expect(() => inspectOnnx(folder)).toThrow(/not a file/);
  });
});

describe('a damaged or hostile model', () => {
  it('is refused at whatever byte it was cut off', () => {
    const whole = writeOnnx(withWeights(inline));
    const graphEnd = whole.length - 6; // the operator set follows the graph
    fc.assert(
      fc.property(fc.integer({ min: 1, max: graphEnd - 1 }), (length) => {
        expect(() => inspectOnnx(whole.subarray(0, length))).toThrow(ChiasmError);
      }),
    );
  });

  it('never makes the inspection fail with anything but a reason, whichever bytes are changed', () => {
    const whole = writeOnnx(withWeights(inline));
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const bytes = Uint8Array.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          inspectOnnx(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(ChiasmError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['../secret.bin', '/etc/hostname', 'sub/../../secret.bin', '..'])(
    'is refused when its weights are in %s, outside its folder',
    async (location) => {
      await writeFile(join(folder, 'secret.bin'), new Uint8Array(12));
      const error = await refusal(writeOnnx(withWeights(external(location))));
      expect(error.message).toContain('outside the folder');
    },
  );

  it('is refused when its weights are behind a link that leaves its folder', async () => {
    await writeFile(join(folder, 'secret.bin'), new Uint8Array(12));
    await symlink(join(folder, 'secret.bin'), join(folder, 'onnx', 'linked.bin'));
    const error = await refusal(writeOnnx(withWeights(external('linked.bin'))));
    expect(error.message).toContain('a link that leaves the folder');
  });

  it('is refused when the file with its weights is missing or too short', async () => {
    expect((await refusal(writeOnnx(withWeights(external('gone.bin'))))).message).toContain('missing');
    await writeFile(join(folder, 'onnx', 'short.bin'), new Uint8Array(8));
    expect((await refusal(writeOnnx(withWeights(external('short.bin'))))).message).toContain('too short');
  });

  it('is refused when it is only bytes and refers to a file', () => {
    expect(() => inspectOnnx(writeOnnx(withWeights(external('split.onnx_data'))))).toThrow(/in memory/);
  });

  it('is refused when it declares 3 GB of weights in a file of a few bytes', async () => {
    const error = await refusal(
      writeOnnx(withWeights({ name: 'weights', shape: [3, 250_000_000], data: new Float32Array(1) })),
    );
    expect(error.code).toBe('too_large');
    expect(error.message).toContain('2.79 GiB of weights; the limit is 2.00 GiB');
  });

  it('is refused when a dimension is negative', async () => {
    const error = await refusal(writeOnnx(withWeights({ name: 'weights', shape: [-1], data: new Float32Array(1) })));
    expect(error.message).toContain('negative');
  });
});
