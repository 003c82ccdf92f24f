/** Pictures as pixels: what decoding gives and what encoders take. */

/** H x W x 3 bytes, row-major RGB, upright (EXIF orientation applied), alpha blended on white. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * How a picture becomes the model's input.
 * `squash`: resized to width x height whatever its shape. `crop`: short side to `shortestEdge`, then the centre width x height.
 */
export interface ImageGeometry {
  readonly width: number;
  readonly height: number;
  readonly fit: 'squash' | 'crop';
  /** For `crop`: length of the short side before cropping, in pixels. Default: the longer of width and height. */
  readonly shortestEdge?: number;
  /** Filter with antialiasing, as in Pillow's resize. */
  readonly filter: 'nearest' | 'bilinear' | 'bicubic' | 'lanczos';
}

/** A decoded picture with what is shown of it before its bytes arrive. */
export interface DecodedImage {
  /** In exactly the geometry that was asked for. */
  readonly pixels: Pixels;
  /** Of the source, upright, in pixels. */
  readonly width: number;
  readonly height: number;
  /** `#rrggbb`. */
  readonly averageColour: string;
  /** 16 hexadecimal digits; see `perceptual-hash.ts`. */
  readonly perceptualHash: string;
}
