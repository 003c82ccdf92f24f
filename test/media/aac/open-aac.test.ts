/** Files made by an encoder that is not ours: see fixtures/generate.sh for the formulas of their sounds. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openAdts } from '#shared/media/aac/open-adts.ts';
import { openM4a } from '#shared/media/aac/open-m4a.ts';
import type { AudioSource } from '#shared/media/audio-source.ts';
import { decodeSamples } from '#shared/media/decode-samples.ts';
import { fixture, signalToNoise, sine } from '../sounds.ts';
import { packBits } from './bit-writer.ts';

const TONE = sine(440, 44_100, 1, 0.5);
/** So much its encoder kept of the tone; a decoder that is wrong anywhere has less than 0 dB. */
const ENCODER_DECIBELS = 11;

/** The channels of the whole sound. */
async function channels(source: AudioSource): Promise<Float32Array[]> {
  const blocks = await Array.fromAsync(source.blocks());
  return blocks[0]!.channelData.map((_, c) =>
    Float32Array.from(blocks.flatMap(({ channelData }) => [...channelData[c]!])),
  );
}

/** 2/S times the magnitude of the sum of x(n) exp(-2 pi i f n / rate): the amplitude of a tone. */
function amplitude(samples: Float32Array, frequencyHz: number, sampleRateHz: number): number {
  let [real, imaginary] = [0, 0];
  for (const [n, value] of samples.entries()) {
    real += value * Math.cos((2 * Math.PI * frequencyHz * n) / sampleRateHz);
    imaginary += value * Math.sin((2 * Math.PI * frequencyHz * n) / sampleRateHz);
  }
  return (2 / samples.length) * Math.hypot(real, imaginary);
}

const energy = (samples: Float32Array) => samples.reduce((sum, value) => sum + value ** 2, 0);

/** The file with the bytes of `from`, which it holds once, replaced by as many. */
function replaced(name: string, from: string | Uint8Array, to: string | Uint8Array): Uint8Array {
  const bytes = fixture(name);
  const [before, after] = [from, to].map((value) => Buffer.from(value as string, 'latin1'));
  const at = Buffer.from(bytes).indexOf(before!);
  expect(at).toBeGreaterThan(0);
  expect(after!.length).toBe(before!.length);
  bytes.set(after!, at);
  return bytes;
}

const failure = (bytes: Uint8Array, format: 'm4a' | 'aac' = 'm4a', maxSeconds = 600) =>
  decodeSamples(bytes, format, { sampleRateHz: 16_000, maxSeconds }).then(
    () => 'was decoded',
    ({ code, message }) => `${code}: ${message}`,
  );

/** tone.aac with the content of some frames replaced by ones. */
function emptied(isEmptied: (frame: number) => boolean): Uint8Array {
  const bytes = fixture('tone.aac');
  for (let at = 0, frame = 0; at < bytes.length; frame++) {
    const length = ((bytes[at + 3]! & 3) << 11) | (bytes[at + 4]! << 3) | (bytes[at + 5]! >> 5);
    if (isEmptied(frame)) bytes.fill(0xff, at + 7, at + length);
    at += length;
  }
  return bytes;
}

describe('AAC in MP4', () => {
  it('is the tone that was encoded, without the run-up of the encoder', async () => {
    const [samples] = await channels(openM4a(fixture('tone.m4a')));
    expect(samples!.length).toBe(44_100);
    expect(Math.abs(amplitude(samples!, 440, 44_100) - 0.5)).toBeLessThan(0.03);
    expect(signalToNoise(samples!, TONE, 2048)).toBeGreaterThan(ENCODER_DECIBELS);
  });

  it('keeps two channels apart', async () => {
    const [left, right] = await channels(openM4a(fixture('two-tones.m4a')));
    expect(left!.length).toBe(16_000);
    expect(signalToNoise(left!, sine(440, 32_000, 0.5, 0.5), 2048)).toBeGreaterThan(40);
    expect(signalToNoise(right!, sine(1000, 32_000, 0.5, 0.25), 2048)).toBeGreaterThan(40);
  });

  it('has clicks where they were, in short windows', async () => {
    const [samples] = await channels(openM4a(fixture('clicks.m4a')));
    const expected = Float32Array.from({ length: 16_000 }, (_, n) => {
      return 0.8 * Math.exp((-2000 * (n % 3200)) / 16_000) * Math.sin((2 * Math.PI * 3000 * n) / 16_000);
    });
    const product = samples!.reduce((sum, value, n) => sum + value * expected[n]!, 0);
    expect(product / Math.sqrt(energy(samples!) * energy(expected))).toBeGreaterThan(0.95);
    expect(Math.abs(Math.log2(energy(samples!) / energy(expected)))).toBeLessThan(0.2);
    // Silence before a click stays silence: a long window would smear it.
    for (const click of [3200, 6400, 9600])
      expect(energy(samples!.subarray(click - 1000, click - 300))).toBeLessThan(0.001);
  });

  it('has noise of the energy that was encoded, the same each time', async () => {
    const [samples] = await channels(openM4a(fixture('noise.m4a')));
    const deviation = Math.sqrt(energy(samples!) / samples!.length);
    expect(deviation).toBeGreaterThan(0.09); // 0.2 / sqrt(3) = 0.115 before the encoder took its upper band
    expect(deviation).toBeLessThan(0.125);
    expect((await channels(openM4a(fixture('noise.m4a'))))[0]).toEqual(samples);
  });

  it('has five channels of 5.1: the effects channel is left out', async () => {
    const [centre, ...others] = await channels(openM4a(fixture('surround.m4a')));
    expect(others).toHaveLength(4);
    expect(amplitude(centre!.subarray(2000, 8400), 440, 32_000)).toBeCloseTo(0.5, 1);
    for (const other of others) expect(energy(other)).toBeLessThan(0.01);
  });

  it('may be in fragments', async () => {
    const source = openM4a(fixture('fragmented.m4a'));
    const [samples] = await channels(source);
    expect(source.durationSeconds).toBe(samples!.length / 16_000);
    expect(samples!.length).toBe(9216); // nothing says what to trim: a frame of run-up and a filled-up end
    expect(signalToNoise(samples!.subarray(1024, 9024), sine(440, 16_000, 0.5, 0.5), 1024)).toBeGreaterThan(25);
  });

  it('is trimmed as the iTunes tag says when there is no edit list', async () => {
    const file = replaced('tone.m4a', 'edts', 'free');
    expect(openM4a(file).durationSeconds).toBe((45 * 1024) / 44_100);
    const box = (type: string, content: string) =>
      String.fromCharCode(...packBits([8 + content.length, 32])) + type + content;
    const value = ' 00000000 00000400 000000F4 0000000000008000 00000000';
    const name = box('mean', '\0\0\0\0com.apple.iTunes') + box('name', '\0\0\0\0iTunSMPB');
    const item = box('----', name + box('data', `\0\0\0\x01\0\0\0\0${value}`));
    const tags = box('udta', box('meta', `\0\0\0\0${box('ilst', item)}`));
    const tagged = Buffer.concat([file, Buffer.from(tags, 'latin1')]);
    const movie = tagged.indexOf('moov') - 4; // the last box of the file, which grows by the tags
    tagged.writeUInt32BE(tagged.length - movie, movie);
    const own = tagged.indexOf('udta');
    if (own < file.length) tagged.write('free', own, 'latin1');
    const source = openM4a(tagged);
    expect(source.durationSeconds).toBe(32_768 / 44_100);
    const [samples] = await channels(source);
    expect(signalToNoise(samples!, TONE.subarray(0, 32_768), 2048)).toBeGreaterThan(ENCODER_DECIBELS);
  });

  it('gives the core of HE-AAC', async () => {
    // AudioSpecificConfig: AAC-LC at 44.1 kHz; the same as the core of HE-AAC (5) and of its second version (29).
    const plain = packBits([2, 5], [4, 4], [1, 4], [0, 3]);
    const [expected] = await channels(openM4a(fixture('tone.m4a')));
    const descriptor = (config: Uint8Array) => Uint8Array.of(5, 0x80, 0x80, 0x80, config.length, ...config);
    const old = Buffer.from(fixture('tone.m4a'));
    const at = old.indexOf(Buffer.from([...plain, 0x56, 0xe5, 0]));
    expect(at).toBeGreaterThan(0);
    for (const type of [5, 29]) {
      const config = packBits([type, 5], [4, 4], [1, 4], [1, 4], [2, 5], [0, 18]);
      const bytes = replaced('tone.m4a', descriptor(Uint8Array.from(old.subarray(at, at + 5))), descriptor(config));
      expect((await channels(openM4a(bytes)))[0]).toEqual(expected);
    }
  });
});

describe('what is refused', () => {
  const config = (...fields: readonly (readonly [number, number])[]) => {
    const bits = packBits(...fields);
    const whole = new Uint8Array(5);
    whole.set(bits);
    return replaced('tone.m4a', Uint8Array.of(0x12, 0x08, 0x56, 0xe5, 0), whole);
  };

  it.each<[string, Uint8Array]>([
    ['unsupported_type: this is Apple Lossless (ALAC), which is not read', replaced('tone.m4a', 'mp4a', 'alac')],
    ['unsupported_type: this is sound protected against copying', replaced('tone.m4a', 'mp4a', 'drms')],
    ['unsupported_type: this is MP4 sound of type "wxyz"', replaced('tone.m4a', 'mp4a', 'wxyz')],
    ['unsupported_type: this is AAC Main', config([1, 5], [4, 4], [1, 4])],
    ['corrupt_input: the AAC sound is damaged: its header claims 0 samples', config([2, 5], [15, 4], [0, 24])],
    ['corrupt_input: the AAC sound is damaged: its header claims 16777215', config([2, 5], [15, 4], [0xffffff, 24])],
    ['unsupported_type: this is xHE-AAC (USAC)', config([31, 5], [10, 6], [4, 4], [1, 4])],
    ['unsupported_type: this is AAC with frames of 960 samples', config([2, 5], [4, 4], [1, 4], [1, 1])],
    [
      'corrupt_input: the AAC sound is damaged: its header has a sample rate that does not exist',
      config([2, 5], [13, 4]),
    ],
    ['corrupt_input: the MP4 file is damaged or incomplete: it has no index', replaced('tone.m4a', 'moov', 'move')],
    [
      'corrupt_input: the MP4 file is damaged or incomplete: its index has no sound',
      replaced('tone.m4a', 'stbl', 'none'),
    ],
    [
      'corrupt_input: the MP4 file is damaged or incomplete: its index is missing',
      replaced('tone.m4a', 'stco', 'none'),
    ],
    ['corrupt_input: the MP4 file is damaged or incomplete: it ends before', fixture('clicks.m4a').subarray(0, 2500)],
  ])('%s', async (reason, bytes) => {
    expect(await failure(bytes)).toContain(reason);
  });

  it('a table that promises four thousand million frames, before any is read', async () => {
    const bytes = fixture('tone.m4a');
    const at = Buffer.from(bytes).indexOf('stsz') + 12;
    bytes.fill(255, at, at + 4);
    expect(await failure(bytes)).toContain('its index promises more frames than fit');
  });

  it('a sound over the limit, by its number of frames and not by what its header claims', async () => {
    expect(await failure(fixture('tone.m4a'), 'm4a', 0.9)).toContain('too_large');
    expect(await failure(fixture('fragmented.m4a'), 'm4a', 0.5)).toContain('too_large');
    expect(await failure(fixture('tone.aac'), 'aac', 0.9)).toContain('too_large');
  });

  it('a file of which many frames are damaged; a few are left out', async () => {
    expect(
      await failure(
        emptied((frame) => frame % 2 === 1),
        'aac',
      ),
    ).toContain('corrupt_input');
    expect(
      await failure(
        emptied(() => true),
        'aac',
      ),
    ).toContain('corrupt_input: the AAC sound is damaged: a frame');
    const [samples] = await channels(openAdts(emptied((frame) => frame === 20)));
    expect(samples!.length).toBe(44 * 1024);
  });
});

describe('ADTS', () => {
  it('is the tone that was encoded, behind tags and around foreign bytes', async () => {
    const plain = fixture('tone.aac');
    const [expected] = await channels(openAdts(plain));
    expect(expected!.length).toBe(45 * 1024);
    expect(signalToNoise(expected!.subarray(1024, 45_124), TONE, 2048)).toBeGreaterThan(ENCODER_DECIBELS);
    const tag = Uint8Array.of(0x49, 0x44, 0x33, 4, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4);
    const foreign = new Uint8Array(300).fill(0xff);
    const [tagged] = await channels(openAdts(Buffer.concat([tag, plain, foreign, plain.subarray(0, 50)])));
    expect(tagged).toEqual(expected);
  });
});

describe('files with arbitrary damage', () => {
  const originals = ['tone.m4a', 'clicks.m4a', 'fragmented.m4a', 'two-tones.m4a', 'surround.m4a', 'tone.aac'];

  it('are decoded or refused with a code, and never throw anything else', async () => {
    const change = fc.record({ place: fc.nat(), value: fc.oneof(fc.constantFrom(0, 1, 127, 128, 255), fc.nat(255)) });
    const run = fc.asyncProperty(
      fc.constantFrom(...originals),
      fc.array(change, { minLength: 1, maxLength: 30 }),
      fc.boolean(),
      fc.option(fc.nat(7000)),
      async (name, changes, isIndex, length) => {
        const bytes = fixture(name).subarray(0, length ?? undefined);
        const index = isIndex ? Math.max(0, Buffer.from(bytes).indexOf('moov')) : 0;
        for (const { place, value } of changes) bytes[index + (place % Math.max(1, bytes.length - index))] = value;
        try {
          const source = (name.endsWith('.aac') ? openAdts : openM4a)(bytes);
          if (source.durationSeconds! > 60) return;
          for await (const block of source.blocks()) expect(block.channelData.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^(corrupt_input|unsupported_type|too_large)$/) });
        }
      },
    );
    await fc.assert(run, { numRuns: 500 });
  });
});
