/** Sounds for tests, made by formula. */

import { readFileSync } from 'node:fs';

/** A fixture that `fixtures/generate.sh` made. */
export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`fixtures/${name}`, import.meta.url)));
}

/** amplitude sin(2 pi frequencyHz t) at the sample rate, [S]. */
export function sine(frequencyHz: number, sampleRateHz: number, seconds = 1, amplitude = 1): Float32Array {
  return Float32Array.from({ length: Math.round(sampleRateHz * seconds) }, (_, i) => {
    return amplitude * Math.sin((2 * Math.PI * frequencyHz * i) / sampleRateHz);
  });
}

/** 10 log10(sum expected^2 / sum (actual - expected)^2) in dB, without the first and last `skip` samples. */
export function signalToNoise(actual: Float32Array, expected: Float32Array, skip: number): number {
  let signal = 0;
  let noise = 0;
  for (let i = skip; i < expected.length - skip; i++) {
    signal += expected[i]! ** 2;
    noise += (actual[i]! - expected[i]!) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}

export interface WavOptions {
  readonly encoding?: number;
  readonly bits: number;
  readonly channels?: number;
  readonly sampleRateHz?: number;
  readonly extensible?: boolean;
  /** What the header claims; default the truth. */
  readonly claimedBytes?: number;
}

/** A WAV file around raw sample bytes. */
export function wavFile(samples: Uint8Array, options: WavOptions): Uint8Array {
  const { encoding = 1, bits, channels = 1, sampleRateHz = 8000, extensible = false, claimedBytes } = options;
  const format = Buffer.alloc(extensible ? 40 : 16);
  format.writeUInt16LE(extensible ? 0xfffe : encoding, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(sampleRateHz, 4);
  format.writeUInt32LE((sampleRateHz * channels * bits) / 8, 8);
  format.writeUInt16LE((channels * bits) / 8, 12);
  format.writeUInt16LE(bits, 14);
  if (extensible) format.writeUInt16LE(encoding, 24);
  const list = chunk('LIST', Buffer.from('odd'));
  const data = chunk('data', samples, claimedBytes);
  const content = Buffer.concat([Buffer.from('WAVE'), chunk('fmt ', format), list, data]);
  return new Uint8Array(chunk('RIFF', content));
}

function chunk(id: string, content: Uint8Array, size = content.length): Buffer {
  const header = Buffer.alloc(8);
  header.write(id, 0, 'latin1');
  header.writeUInt32LE(size, 4);
  return Buffer.concat([header, content, Buffer.alloc(content.length % 2)]);
}

/** Samples in [-1, 1] as little-endian integers of 8 (unsigned), 16, 24 or 32 bits, or as float (encoding 3). */
export function encodeSamples(samples: Float32Array, bits: number, encoding = 1): Uint8Array {
  const width = bits / 8;
  const bytes = Buffer.alloc(samples.length * width);
  samples.forEach((sample, i) => {
    if (encoding === 3) {
      if (bits === 32) bytes.writeFloatLE(sample, i * 4);
      else bytes.writeDoubleLE(sample, i * 8);
    } else if (bits === 8) bytes.writeUInt8(Math.round(sample * 127) + 128, i);
    else bytes.writeIntLE(Math.round(sample * (2 ** (bits - 1) - 1)), i * width, width);
  });
  return bytes;
}
