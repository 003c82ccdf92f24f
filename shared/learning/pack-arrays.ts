/** Named arrays and a little JSON as one file: checkpoints. Length of the JSON, the JSON, then the numbers of all arrays. */

export interface Packed {
  readonly facts: unknown;
  readonly arrays: ReadonlyMap<string, Float32Array>;
}

export function packArrays({ facts, arrays }: Packed): Uint8Array {
  const lengths = [...arrays].map(([name, { length }]) => ({ name, length }));
  const header = Buffer.from(JSON.stringify({ facts, lengths }));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  const numbers = [...arrays.values()].map((array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  return Buffer.concat([length, header, ...numbers]);
}

/** Of what `packArrays` wrote. @throws an error of any kind for anything else */
export function unpackArrays(bytes: Uint8Array): Packed {
  const headerEnd = 4 + Buffer.from(bytes.buffer, bytes.byteOffset, 4).readUInt32LE();
  const header = JSON.parse(Buffer.from(bytes.subarray(4, headerEnd)).toString('utf8')) as {
    facts: unknown;
    lengths: readonly { name: string; length: number }[];
  };
  const numbers = new Float32Array(new Uint8Array(bytes.subarray(headerEnd)).buffer); // a copy, which begins at 0
  let offset = 0;
  const arrays = header.lengths.map(({ name, length }): [string, Float32Array] => {
    offset += length;
    return [name, numbers.slice(offset - length, offset)];
  });
  return { facts: header.facts, arrays: new Map(arrays) };
}
