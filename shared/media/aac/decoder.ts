/** AAC-LC frames to samples. What the frames are packed in (ADTS, MP4) is read elsewhere. Source: ISO/IEC 14496-3, subpart 4. */

import type { BitReader } from './bit-reader.ts';
import { createFilterbank, type Filterbank } from './filterbank.ts';
import { createNoiseSource } from './noise.ts';
import { readRawDataBlock } from './raw-data-block.ts';
import { damaged } from './refusals.ts';

export interface AacDecoder {
  /**
   * The next 1024 samples of each channel. The first frame is the encoder's run-up.
   * @throws ChiasmError `corrupt_input` where the frame is damaged; the next may be decoded then
   */
  decode(bits: BitReader): Float32Array[];
}

/** @param rateIndex place of the sample rate in `SAMPLE_RATES` */
export function createAacDecoder(rateIndex: number): AacDecoder {
  const noise = createNoiseSource();
  let filterbanks: Filterbank[] | undefined;
  const decode = (bits: BitReader) => {
    const channels = readRawDataBlock(bits, rateIndex, noise);
    if (channels.length === 0) throw damaged('a frame has no channels');
    filterbanks ??= channels.map(createFilterbank);
    if (channels.length !== filterbanks.length) throw damaged('the number of its channels changes on the way');
    return channels.map(({ spectrum, info }, channel) => filterbanks![channel]!.synthesize(spectrum, info));
  };
  return { decode };
}
