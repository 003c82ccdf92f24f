/** Bits from the most significant on. Behind the end are zeros: whoever reads in a loop calls `check`, so that loops end. */

import { damaged } from './refusals.ts';

/** A class, because the hottest loop of the decoder moves its position. */
export class BitReader {
  /** In bits from the start. */
  position = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** The next 1 to 25 bits, without moving. */
  peek(count: number): number {
    const { bytes, position } = this;
    const at = position >>> 3;
    const word = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!; // undefined << n is 0
    return (word << (position & 7)) >>> (32 - count);
  }

  /** The next 1 to 25 bits. */
  read(count: number): number {
    const value = this.peek(count);
    this.position += count;
    return value;
  }

  readFlag(): boolean {
    return this.read(1) === 1;
  }

  skip(count: number): void {
    this.position += count;
  }

  /** To the next multiple of 8 bits. */
  align(): void {
    this.position = (this.position + 7) & ~7;
  }

  /** @throws ChiasmError `corrupt_input` when more was read than is there */
  check(): void {
    if (this.position > this.bytes.length * 8) throw damaged('a frame ends too early');
  }
}
