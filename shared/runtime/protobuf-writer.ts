/** Writes protobuf messages field by field; the counterpart of `protobuf-reader.ts`. Wire format: https://protobuf.dev/programming-guides/encoding/ */

/** A whole number as a varint field; negative numbers in two's complement of 64 bits. */
export const integerField = (field: number, value: number | bigint): Buffer =>
  Buffer.concat([varint(field * 8), varint(value)]);

/** A length-delimited field: a nested message from its fields, or raw bytes. */
export function messageField(field: number, parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([varint(field * 8 + 2), varint(length), ...parts]);
}

export const textField = (field: number, value: string): Buffer => messageField(field, [Buffer.from(value, 'utf8')]);

/** A 32-bit float. */
export function floatField(field: number, value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([varint(field * 8 + 5), bytes]);
}

function varint(value: number | bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}
