/** How much of one object is read. What is over a limit becomes an item with a reason; it never costs memory or minutes. */

export interface MediaLimits {
  /** Bytes of a picture file. A 50-megapixel 16-bit TIFF without compression has 300 MB, a photograph under 40 MB. */
  readonly imageBytes: number;
  /** Width x height from the header, before decoding. 50 megapixels hold any phone's or camera's photograph in 150 MB. */
  readonly imagePixels: number;
  /** Seconds of decoding one picture: a small file can be made to take long (progressive scans, AVIF tiles). */
  readonly imageSeconds: number;
  /** Bytes of a sound file. Ten minutes of 48 kHz stereo 24-bit WAV have 173 MB. */
  readonly audioBytes: number;
  /** Seconds of sound. Ten minutes at 48 kHz are 115 MB of samples. */
  readonly audioSeconds: number;
  /** Bytes of a text. 1 MB is a long novel, and about 2,000 passages to embed. */
  readonly textBytes: number;
}

export const DEFAULT_MEDIA_LIMITS: MediaLimits = {
  imageBytes: 200_000_000,
  imagePixels: 50_000_000,
  imageSeconds: 30,
  audioBytes: 200_000_000,
  audioSeconds: 600,
  textBytes: 1_000_000,
};
