/** The sounds of the built-in collection: computed here, stored as 16-bit WAV. */

import type { DrawnFile } from './draw-pictures.ts';

const SAMPLE_RATE_HZ = 16_000;

/** Amplitude in [-1, 1] at a moment. */
type Sound = (seconds: number) => number;

const sine = (hertz: number, seconds: number) => Math.sin(2 * Math.PI * hertz * seconds);
const decay = (seconds: number, halfLife: number) => (seconds < 0 ? 0 : 0.5 ** (seconds / halfLife));

/** White noise that is the same at every run (xorshift32). */
function createNoise(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 2 ** 31;
  };
}

/** Noise through a one-pole low-pass: smaller `openness`, darker sound. */
function createSoftNoise(seed: number, openness: number): () => number {
  const noise = createNoise(seed);
  let level = 0;
  return () => {
    level += openness * (noise() - level);
    return level;
  };
}

const MELODY_HERTZ = [262, 294, 330, 349, 392, 440, 494, 523];

const SOUNDS: Readonly<Record<string, { readonly lengthSeconds: number; readonly sound: () => Sound }>> = {
  'church bell': {
    lengthSeconds: 4,
    sound: () => (t) =>
      [1, 2, 2.4, 3, 4.5].reduce((sum, k, i) => sum + (sine(220 * k, t) * decay(t, 0.9 / (i + 1))) / (i + 1), 0) * 0.45,
  },
  'ringing telephone': {
    lengthSeconds: 4,
    sound: () => (t) => (t % 2 < 1 ? (sine(440, t) + sine(480, t)) * (0.6 + 0.4 * Math.sign(sine(20, t))) * 0.3 : 0),
  },
  'police siren': {
    lengthSeconds: 4,
    sound: () => {
      let phase = 0;
      return (t) => {
        phase += (2 * Math.PI * (900 + 350 * sine(0.5, t))) / SAMPLE_RATE_HZ;
        return 0.5 * Math.sin(phase);
      };
    },
  },
  'ticking clock': {
    lengthSeconds: 4,
    sound: () => {
      const noise = createNoise(7);
      return (t) => noise() * decay(t % 0.5, 0.006) * 0.9;
    },
  },
  'rain falling': {
    lengthSeconds: 5,
    sound: () => {
      const soft = createSoftNoise(11, 0.5);
      const drop = createNoise(5);
      let level = 0;
      return () => {
        level = drop() > 0.9992 ? 0.8 : level * 0.99;
        return soft() * (0.5 + level);
      };
    },
  },
  'sea waves': {
    lengthSeconds: 5,
    sound: () => {
      const soft = createSoftNoise(13, 0.12);
      return (t) => soft() * (0.6 + 0.5 * sine(0.25, t)) * 1.6;
    },
  },
  wind: {
    lengthSeconds: 5,
    sound: () => {
      const soft = createSoftNoise(17, 0.03);
      return (t) => soft() * (0.7 + 0.3 * sine(0.4, t)) * 4;
    },
  },
  'bird chirping': {
    lengthSeconds: 3,
    sound: () => (t) => {
      const s = t % 0.4;
      return s < 0.14 ? sine(3200 + 1400 * sine(9, s), s) * Math.sin((Math.PI * s) / 0.14) * 0.5 : 0;
    },
  },
  'hand clapping': {
    lengthSeconds: 3,
    sound: () => {
      const noise = createNoise(23);
      return (t) => noise() * decay(t % 0.42, 0.018) * 0.9;
    },
  },
  'low tone': { lengthSeconds: 2, sound: () => (t) => 0.5 * sine(110, t) },
  'high tone': { lengthSeconds: 2, sound: () => (t) => 0.4 * sine(1760, t) },
  'piano scale': {
    lengthSeconds: 4,
    sound: () => (t) => {
      const hertz = MELODY_HERTZ[Math.floor(t * 2) % 8]!;
      const s = t % 0.5;
      return [1, 2, 3].reduce((sum, k) => sum + sine(hertz * k, t) / k ** 2, 0) * decay(s, 0.12) * 0.5;
    },
  },
};

/** All sounds as WAV files. */
export function synthesiseSounds(): DrawnFile[] {
  return Object.entries(SOUNDS).map(([name, { lengthSeconds, sound }]) => {
    const play = sound();
    const samples = Float32Array.from({ length: lengthSeconds * SAMPLE_RATE_HZ }, (_, i) => play(i / SAMPLE_RATE_HZ));
    return { path: `sounds/${name}.wav`, bytes: encodeWav(samples) };
  });
}

/** Mono 16-bit PCM with the 44-byte header. */
function encodeWav(samples: Float32Array): Uint8Array {
  const wav = Buffer.alloc(44 + samples.length * 2);
  wav.write('RIFF', 0);
  wav.writeUInt32LE(36 + samples.length * 2, 4);
  wav.write('WAVEfmt ', 8);
  wav.writeUInt32LE(16, 16);
  wav.writeUInt16LE(1, 20); // PCM
  wav.writeUInt16LE(1, 22); // channels
  wav.writeUInt32LE(SAMPLE_RATE_HZ, 24);
  wav.writeUInt32LE(SAMPLE_RATE_HZ * 2, 28);
  wav.writeUInt16LE(2, 32); // bytes in a frame
  wav.writeUInt16LE(16, 34); // bits in a sample
  wav.write('data', 36);
  wav.writeUInt32LE(samples.length * 2, 40);
  samples.forEach((sample, i) => {
    wav.writeInt16LE(Math.round(Math.max(-1, Math.min(1, sample)) * 32_767), 44 + i * 2);
  });
  return wav;
}
