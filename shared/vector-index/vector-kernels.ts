/**
 * Loops over rows of numbers as WebAssembly SIMD, several times faster than JavaScript: the module's bytes are put
 * together here from the instructions that it needs, so that there is nothing to compile or to install.
 * Source: the WebAssembly core specification 3.0, chapter "Binary Format".
 */

export interface VectorKernels {
  /**
   * out[i] = scale x s[r] x sum_d query[d] codes[r, d] with r = rows[i], for `count` rows. All but `count`, `width` and
   * `scale` are byte offsets: rows int32, query int16 (at most 2,047), out float32. A row at `codes` has `width` codes of int8,
   * its scale s as float32, and is padded to width + CODES_TAIL bytes.
   */
  scanCodes(rows: number, count: number, codes: number, width: number, query: number, scale: number, out: number): void;
  /** Reads a little of each line of the cache that these rows take, so that `scanCodes` need not wait for one after another. */
  touchCodes(rows: number, count: number, codes: number, width: number): number;
  /**
   * Codes `count` rows x of a matrix [count, width], as `scanCodes` reads them: s = max |x - c| / 127, codes = round((x - c) / s).
   * Returns the greatest |x - c - s codes|^2 and the sum of them. `matrix`, `centre` (c, float32) and `codes` are byte offsets.
   */
  codeRows(
    matrix: number,
    count: number,
    width: number,
    centre: number,
    codes: number,
  ): [greatest: number, sum: number];
  /** out[i] = sum_d query[d] matrix[i, d], float32, for `count` rows of `width` numbers. The rest are byte offsets. */
  dotRows(matrix: number, count: number, width: number, query: number, out: number): void;
}

/** All loops take this many numbers at a time; rows are padded with zeros to a multiple of it. */
export const KERNEL_WIDTH = 16;
/** Bytes of a coded row after its codes. */
export const CODES_TAIL = 16;
export const GREATEST_CODE = 127;
/** Of rows that are c itself: its inverse is finite. */
const LEAST_SCALE = 1e-30;
const CACHE_LINE = 64;

const I32 = 0x7f;
const F32 = 0x7d;
const V128 = 0x7b;

const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
const number = (value: number) => [0x41, ...signed(value)];
const add = [0x6a];
const subtract = [0x6b];
const multiply = [0x6c];
const lessThan = [0x48];
const loadI32 = [0x28, 2, 0];
const loadF32 = [0x2a, 2, 0];
const storeF32 = [0x38, 2, 0];
const addF32 = [0x92];
const multiplyF32 = [0x94];
const divideF32 = [0x95];
const maxF32 = [0x97];
const toF32 = [0xb2];
const float = (value: number) => [0x43, ...new Uint8Array(Float32Array.of(value).buffer)];
const simd = (opcode: number, ...immediates: number[]) => [0xfd, ...unsigned(opcode), ...immediates];
const zeros = simd(12, ...new Array<number>(16).fill(0));
const loadVector = (offset: number) => simd(0, 0, offset);
/** Eight int8 as int16. */
const loadWidened = (offset: number) => simd(1, 0, offset);
const addI32x4 = simd(174);
/** Products of eight int16, pairs summed to int32. */
const dotI16x8 = simd(186);
const storeVector = simd(11, 0, 0);
const splatF32x4 = simd(19);
/** The four lanes of a local, combined to one number. */
const lanesF32 = (local: number, combine: readonly number[]) => {
  const lane = (k: number) => [...get(local), ...simd(31, k)];
  return [...lane(0), ...lane(1), ...combine, ...lane(2), ...combine, ...lane(3), ...combine];
};
/** To the nearest integer, ties to even. */
const roundF32x4 = simd(106);
const toI32x4 = simd(248);
/** Two vectors as one of numbers half as wide. */
const narrowI32x4 = simd(133);
const narrowI16x8 = simd(101);
const absF32x4 = simd(224);
const addF32x4 = simd(228);
const subtractF32x4 = simd(229);
const multiplyF32x4 = simd(230);
const maxF32x4 = simd(233);

/** `body` once for each value of `counter` from 0 while it is below `limit`. */
function loop(counter: number, limit: number, step: number, body: readonly number[]): number[] {
  const condition = [...get(counter), ...get(limit), ...lessThan];
  const next = [...get(counter), ...number(step), ...add, ...set(counter)];
  // block { loop { leave the block unless the condition holds; body; next; again } }
  return [
    ...number(0),
    ...set(counter),
    ...[0x02, 0x40, 0x03, 0x40],
    ...condition,
    ...[0x45, 0x0d, 1],
    ...body,
    ...next,
    ...[0x0c, 0, 0x0b, 0x0b],
  ];
}

function advance(pointer: number, bytes: number): number[] {
  return [...get(pointer), ...number(bytes), ...add, ...set(pointer)];
}

function scanCodes(): number[] {
  const [rows, count, codes, width, query, scale, out] = [0, 1, 2, 3, 4, 5, 6] as const;
  const [i, d, at, queryAt, sum, sum2] = [7, 8, 9, 10, 11, 12] as const;
  const products = (codeOffset: number) => [
    ...[...get(at), ...loadWidened(codeOffset)],
    ...[...get(queryAt), ...loadVector(codeOffset * 2)],
    ...dotI16x8,
  ];
  const lane = (k: number) => [...get(sum), ...simd(27, k)];
  const oneRow = [
    ...rowAt(rows, codes, width, at),
    ...[...get(query), ...set(queryAt)],
    ...[...zeros, ...set(sum), ...zeros, ...set(sum2)],
    ...loop(d, width, 16, [
      ...[...get(sum), ...products(0), ...addI32x4, ...set(sum)],
      ...[...get(sum2), ...products(8), ...addI32x4, ...set(sum2)],
      ...advance(at, 16),
      ...advance(queryAt, 32),
    ]),
    ...[...get(sum), ...get(sum2), ...addI32x4, ...set(sum)],
    ...get(out),
    ...[...lane(0), ...lane(1), ...add, ...lane(2), ...add, ...lane(3), ...add, ...toF32],
    ...[...get(at), ...loadF32, ...multiplyF32, ...get(scale), ...multiplyF32, ...storeF32], // `at` has come to the tail
    ...advance(rows, 4),
    ...advance(out, 4),
  ];
  return code(
    [
      [4, I32],
      [2, V128],
    ],
    loop(i, count, 1, oneRow),
  );
}

/** `at` becomes the address of the coded row whose number is at `rows`. */
function rowAt(rows: number, codes: number, width: number, at: number): number[] {
  const rowBytes = [...get(width), ...number(CODES_TAIL), ...add];
  return [...get(codes), ...get(rows), ...loadI32, ...rowBytes, ...multiply, ...add, ...set(at)];
}

function touchCodes(): number[] {
  const [rows, count, codes, width] = [0, 1, 2, 3] as const;
  const [i, d, at, sum] = [4, 5, 6, 7] as const;
  const oneRow = [
    ...rowAt(rows, codes, width, at),
    ...loop(d, width, CACHE_LINE, [
      ...[...get(sum), ...get(at), ...loadI32, ...add, ...set(sum)],
      ...advance(at, CACHE_LINE),
    ]),
    ...advance(rows, 4),
  ];
  return code([[4, I32]], [...loop(i, count, 1, oneRow), ...get(sum)]);
}

function codeRows(): number[] {
  const [at, count, width, centre, codes] = [0, 1, 2, 3, 4] as const;
  const [i, d, centreAt, scale, lost, greatest, total] = [5, 6, 7, 8, 9, 10, 11] as const;
  const [sum, inverse, scales, part] = [12, 13, 14, 15] as const;
  const loadCentred = (offset: number) => [
    ...[...get(at), ...loadVector(offset)],
    ...[...get(centreAt), ...loadVector(offset), ...subtractF32x4],
  ];
  const keepGreatest = (offset: number) => [
    ...[...get(sum), ...loadCentred(offset), ...absF32x4, ...maxF32x4, ...set(sum)],
  ];
  /** Leaves four codes on the stack and adds the squares of what they miss to `sum`. */
  const codeFour = (offset: number) => {
    const rounded = [...loadCentred(offset), ...get(inverse), ...multiplyF32x4, ...roundF32x4];
    const missed = [...loadCentred(offset), ...get(part), ...get(scales), ...multiplyF32x4, ...subtractF32x4];
    return [
      ...[...rounded, ...set(part), ...get(part), ...toI32x4],
      ...[...missed, ...set(part), ...get(sum), ...get(part), ...get(part), ...multiplyF32x4, ...addF32x4, ...set(sum)],
    ];
  };
  const bytesOfRow = [...get(width), ...number(4), ...multiply];
  const oneRow = [
    ...[...get(centre), ...set(centreAt), ...zeros, ...set(sum)],
    ...loop(d, width, 16, [
      ...[...keepGreatest(0), ...keepGreatest(16), ...keepGreatest(32), ...keepGreatest(48)],
      ...[...advance(at, 64), ...advance(centreAt, 64)],
    ]),
    ...[
      ...lanesF32(sum, maxF32),
      ...float(GREATEST_CODE),
      ...divideF32,
      ...float(LEAST_SCALE),
      ...maxF32,
      ...set(scale),
    ],
    ...[...get(scale), ...splatF32x4, ...set(scales)],
    ...[...float(1), ...get(scale), ...divideF32, ...splatF32x4, ...set(inverse)],
    ...[...get(at), ...bytesOfRow, ...subtract, ...set(at), ...get(centre), ...set(centreAt), ...zeros, ...set(sum)],
    ...loop(d, width, 16, [
      ...get(codes),
      ...[...codeFour(0), ...codeFour(16), ...narrowI32x4],
      ...[...codeFour(32), ...codeFour(48), ...narrowI32x4],
      ...[...narrowI16x8, ...storeVector],
      ...[...advance(at, 64), ...advance(centreAt, 64), ...advance(codes, 16)],
    ]),
    ...[...get(codes), ...get(scale), ...storeF32, ...advance(codes, CODES_TAIL)],
    ...[...lanesF32(sum, addF32), ...set(lost)],
    ...[...get(greatest), ...get(lost), ...maxF32, ...set(greatest)],
    ...[...get(total), ...get(lost), ...addF32, ...set(total)],
  ];
  return code(
    [
      [3, I32],
      [4, F32],
      [4, V128],
    ],
    [...loop(i, count, 1, oneRow), ...get(greatest), ...get(total)],
  );
}

function dotRows(): number[] {
  const [at, count, width, query, out] = [0, 1, 2, 3, 4] as const;
  const [i, d, queryAt, sum, sum2] = [5, 6, 7, 8, 9] as const;
  const accumulate = (into: number, offset: number) => [
    ...get(into),
    ...[...get(at), ...loadVector(offset), ...get(queryAt), ...loadVector(offset), ...multiplyF32x4],
    ...[...addF32x4, ...set(into)],
  ];
  const oneRow = [
    ...[...get(query), ...set(queryAt), ...zeros, ...set(sum), ...zeros, ...set(sum2)],
    ...loop(d, width, 16, [
      ...[...accumulate(sum, 0), ...accumulate(sum2, 16), ...accumulate(sum, 32), ...accumulate(sum2, 48)],
      ...advance(at, 64),
      ...advance(queryAt, 64),
    ]),
    ...[...get(sum), ...get(sum2), ...addF32x4, ...set(sum)],
    ...get(out),
    ...[...lanesF32(sum, addF32), ...storeF32],
    ...advance(out, 4),
  ];
  return code(
    [
      [3, I32],
      [2, V128],
    ],
    loop(i, count, 1, oneRow),
  );
}

/** Groups of [count, type] local variables, and instructions. */
function code(locals: readonly (readonly [number, number])[], instructions: readonly number[]): number[] {
  return sized([locals.length, ...locals.flat(), ...instructions, 0x0b]);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...sized(content)];
}

function sized(bytes: readonly number[]): number[] {
  return [...unsigned(bytes.length), ...bytes];
}

function name(text: string): number[] {
  return sized([...new TextEncoder().encode(text)]);
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): number[] {
  const last = value >= -0x40 && value < 0x40;
  return last ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}

interface KernelMemory {
  /** Another one after each `grow`. */
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** What is used here of the JavaScript interface, whose types are in the browser's library only. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (limits: { readonly initial: number; readonly maximum: number }) => KernelMemory;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

const MAX_PAGES = 65_536;
const PAGE_BYTES = 65_536;

const compiled = new WebAssembly.Module(
  Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [
      4,
      ...[0x60, 7, I32, I32, I32, I32, I32, F32, I32, 0],
      ...[0x60, 4, I32, I32, I32, I32, 1, I32],
      ...[0x60, 5, I32, I32, I32, I32, I32, 0],
      ...[0x60, 5, I32, I32, I32, I32, I32, 2, F32, F32],
    ]),
    ...section(2, [1, ...name('memory'), ...name('shared'), 2, 1, 0, ...unsigned(MAX_PAGES)]),
    ...section(3, [4, 0, 1, 2, 3]),
    ...section(7, [
      4,
      ...[...name('scanCodes'), 0, 0, ...name('touchCodes'), 0, 1],
      ...[...name('dotRows'), 0, 2, ...name('codeRows'), 0, 3],
    ]),
    ...section(10, [4, ...scanCodes(), ...touchCodes(), ...dotRows(), ...codeRows()]),
  ]),
);

/** The loops over a memory of at least `bytes`; offsets are unsigned, at most 4 GiB. */
export function createVectorKernels(bytes: number): { kernels: VectorKernels; memory: KernelMemory } {
  const memory = new WebAssembly.Memory({ initial: Math.max(1, Math.ceil(bytes / PAGE_BYTES)), maximum: MAX_PAGES });
  const instance = new WebAssembly.Instance(compiled, { memory: { shared: memory } });
  return { kernels: instance.exports as VectorKernels, memory };
}
