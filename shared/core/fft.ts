/** The discrete Fourier transform of a power of two. Source: Cooley and Tukey (1965), radix 2. */

/** Place of each sample before `createFft`'s transform. */
export function bitReversal(size: number): Uint16Array {
  const places = new Uint16Array(size);
  for (let i = 1; i < size; i++) places[i] = (places[i >> 1]! >> 1) + (i & 1) * (size / 2);
  return places;
}

/** X(k) = sum over n of x(n) exp(-2 pi i k n / size), in place, from bit-reversed order. @param size a power of two up to 65,536 */
export function createFft(size: number): (real: Float64Array, imaginary: Float64Array) => void {
  const cosines = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
  const sines = Float64Array.from({ length: size / 2 }, (_, k) => Math.sin((2 * Math.PI * k) / size));
  return (real, imaginary) => {
    for (let span = 1; span < size; span *= 2) {
      const step = size / 2 / span;
      for (let k = 0; k < span; k++) {
        const c = cosines[k * step]!;
        const s = sines[k * step]!;
        for (let a = k; a < size; a += 2 * span) {
          const b = a + span;
          const r = real[b]! * c + imaginary[b]! * s;
          const i = imaginary[b]! * c - real[b]! * s;
          real[b] = real[a]! - r;
          imaginary[b] = imaginary[a]! - i;
          real[a]! += r;
          imaginary[a]! += i;
        }
      }
    }
  };
}
