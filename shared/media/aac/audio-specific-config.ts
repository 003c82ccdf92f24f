/** What an MP4 file says about its AAC: AudioSpecificConfig. Source: ISO/IEC 14496-3, 1.6.2.1 and 4.4.1. */

import { BitReader } from './bit-reader.ts';
import { damaged, unsupported } from './refusals.ts';
import { SAMPLE_RATES } from './window-info.ts';

export interface AacConfig {
  /** Place in `SAMPLE_RATES` whose tables are used. */
  readonly rateIndex: number;
  readonly sampleRateHz: number;
}

const SLOWEST_HZ = 1000; // of what is written out; the standard has no bound

const LOW_COMPLEXITY = 2;
const SPECTRAL_BAND_REPLICATION = 5; // HE-AAC
const PARAMETRIC_STEREO = 29; // HE-AAC v2

/** Audio object types, 1.5.1, that users may meet. */
const OBJECT_TYPES: Readonly<Record<number, string>> = {
  1: 'AAC Main',
  3: 'AAC SSR',
  4: 'AAC LTP',
  23: 'AAC-LD',
  36: 'MPEG-4 ALS',
  39: 'AAC-ELD',
  42: 'xHE-AAC (USAC)',
};

/** Of HE-AAC this gives the core. @throws ChiasmError `unsupported_type` for other kinds than AAC-LC and HE-AAC */
export function readAudioSpecificConfig(bytes: Uint8Array): AacConfig {
  const bits = new BitReader(bytes);
  let objectType = readObjectType(bits);
  const config = readRate(bits);
  bits.skip(4); // channels: the frames say
  if (objectType === SPECTRAL_BAND_REPLICATION || objectType === PARAMETRIC_STEREO) {
    readRate(bits); // of the extension
    objectType = readObjectType(bits);
  }
  bits.check();
  checkObjectType(objectType);
  if (bits.readFlag()) throw unsupported('this is AAC with frames of 960 samples');
  return config;
}

/** @throws ChiasmError `unsupported_type` for all but AAC-LC */
export function checkObjectType(objectType: number): void {
  if (objectType === LOW_COMPLEXITY) return;
  throw unsupported(`this is ${OBJECT_TYPES[objectType] ?? `MPEG-4 audio of type ${objectType}`}`);
}

function readObjectType(bits: BitReader): number {
  const type = bits.read(5);
  return type === 31 ? 32 + bits.read(6) : type;
}

function readRate(bits: BitReader): AacConfig {
  const index = bits.read(4);
  if (index === 15) {
    const sampleRateHz = bits.read(24);
    if (sampleRateHz < SLOWEST_HZ || sampleRateHz > SAMPLE_RATES[0]) {
      throw damaged(`its header claims ${sampleRateHz} samples a second`);
    }
    return { rateIndex: nearestRate(sampleRateHz), sampleRateHz };
  }
  const sampleRateHz = SAMPLE_RATES[index];
  if (sampleRateHz === undefined) throw damaged('its header has a sample rate that does not exist');
  return { rateIndex: index, sampleRateHz };
}

/** Whose tables a rate that is written out uses: the bounds lie at the geometric means. Table 4.82. */
function nearestRate(sampleRateHz: number): number {
  const index = SAMPLE_RATES.findIndex((rate, i) => sampleRateHz >= Math.sqrt(rate * (SAMPLE_RATES[i + 1] ?? 0)));
  return Math.min(index, 11); // the standard's table ends at 8 kHz
}
