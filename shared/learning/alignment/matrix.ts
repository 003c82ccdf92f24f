/** Float64 matrices, row-major, and the eigenvectors of symmetric ones: what closed-form canonical correlations need. */

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

export const zeros = (rows: number, columns: number): Matrix => ({
  rows,
  columns,
  data: new Float64Array(rows * columns),
});

/** A' B: [n, p] and [n, q] give [p, q]. */
export function transposedProduct(a: Matrix, b: Matrix): Matrix {
  const result = zeros(a.columns, b.columns);
  for (let row = 0; row < a.rows; row++) {
    const right = b.data.subarray(row * b.columns, (row + 1) * b.columns);
    for (let i = 0; i < a.columns; i++) {
      const factor = a.data[row * a.columns + i]!;
      if (factor !== 0) addScaled(result.data, i * b.columns, right, factor);
    }
  }
  return result;
}

/** A B: [n, p] and [p, q] give [n, q]. */
export function product(a: Matrix, b: Matrix): Matrix {
  const result = zeros(a.rows, b.columns);
  for (let row = 0; row < a.rows; row++) {
    for (let k = 0; k < a.columns; k++) {
      const right = b.data.subarray(k * b.columns, (k + 1) * b.columns);
      addScaled(result.data, row * b.columns, right, a.data[row * a.columns + k]!);
    }
  }
  return result;
}

export function transposed(matrix: Matrix): Matrix {
  const result = zeros(matrix.columns, matrix.rows);
  for (let i = 0; i < matrix.rows; i++) {
    for (let j = 0; j < matrix.columns; j++) result.data[j * matrix.rows + i] = matrix.data[i * matrix.columns + j]!;
  }
  return result;
}

function addScaled(target: Float64Array, offset: number, values: Float64Array, factor: number): void {
  for (let i = 0; i < values.length; i++) target[offset + i]! += factor * values[i]!;
}

export interface Eigen {
  /** Largest first. */
  readonly values: Float64Array;
  /** Row i is the unit eigenvector of `values[i]`. */
  readonly vectors: Matrix;
}

/**
 * A = sum_i l_i v_i v_i': Householder's reduction to three diagonals, then QR steps with Wilkinson's shift
 * (Golub and Van Loan, Matrix Computations, algorithms 8.3.1 and 8.3.2).
 * @param matrix symmetric; only read
 */
export function symmetricEigen(matrix: Matrix): Eigen {
  const size = matrix.rows;
  const { diagonal, beside, rows } = tridiagonalise(matrix);
  diagonalise(diagonal, beside, rows, size);
  const order = Array.from(diagonal.keys()).sort((a, b) => diagonal[b]! - diagonal[a]!);
  const vectors = zeros(size, size);
  order.forEach((from, to) => {
    vectors.data.set(rows.subarray(from * size, (from + 1) * size), to * size);
  });
  return { values: Float64Array.from(order, (i) => diagonal[i]!), vectors };
}

/** A = Q T Q', T with `diagonal` and `beside` it; `rows` is Q'. */
function tridiagonalise({ rows: size, data }: Matrix) {
  const a = data.slice();
  const rows = new Float64Array(size * size);
  for (let i = 0; i < size; i++) rows[i * size + i] = 1;
  const v = new Float64Array(size);
  const w = new Float64Array(size);
  for (let k = 0; k + 2 < size; k++) {
    if (!householder(a, size, k, v)) continue;
    // the trailing block becomes (I - 2 v v') A (I - 2 v v') = A - 2 v w' - 2 w v', w = A v - (v' A v) v
    let inner = 0;
    for (let i = k + 1; i < size; i++) {
      let sum = 0;
      for (let j = k + 1; j < size; j++) sum += a[i * size + j]! * v[j]!;
      w[i] = sum;
      inner += sum * v[i]!;
    }
    for (let i = k + 1; i < size; i++) w[i]! -= inner * v[i]!;
    for (let i = k + 1; i < size; i++) {
      const [vi, wi] = [2 * v[i]!, 2 * w[i]!];
      for (let j = k + 1; j < size; j++) a[i * size + j]! -= vi * w[j]! + wi * v[j]!;
    }
    reflectRows(rows, size, k + 1, v, w);
  }
  const diagonal = Float64Array.from({ length: size }, (_, i) => a[i * size + i]!);
  const beside = Float64Array.from({ length: size }, (_, i) => (i + 1 < size ? a[(i + 1) * size + i]! : 0));
  return { diagonal, beside, rows };
}

/** Puts into `v` the unit vector whose reflection clears column k below the element under the diagonal, and clears it. */
function householder(a: Float64Array, size: number, k: number, v: Float64Array): boolean {
  let norm = 0;
  for (let i = k + 1; i < size; i++) norm = Math.hypot(norm, a[i * size + k]!);
  const head = a[(k + 1) * size + k]!;
  const target = head > 0 ? -norm : norm;
  for (let i = k + 1; i < size; i++) v[i] = a[i * size + k]!;
  v[k + 1]! -= target;
  let length = 0;
  for (let i = k + 1; i < size; i++) length = Math.hypot(length, v[i]!);
  if (length === 0) return false;
  for (let i = k + 1; i < size; i++) v[i]! /= length;
  a[(k + 1) * size + k] = target;
  return true;
}

/** Q' becomes (I - 2 v v') Q'. */
function reflectRows(rows: Float64Array, size: number, from: number, v: Float64Array, sums: Float64Array): void {
  sums.fill(0);
  for (let i = from; i < size; i++) {
    for (let j = 0; j < size; j++) sums[j]! += v[i]! * rows[i * size + j]!;
  }
  for (let i = from; i < size; i++) {
    const factor = 2 * v[i]!;
    for (let j = 0; j < size; j++) rows[i * size + j]! -= factor * sums[j]!;
  }
}

/** Turns `diagonal` into the eigenvalues and `rows` into the eigenvectors. */
function diagonalise(diagonal: Float64Array, beside: Float64Array, rows: Float64Array, size: number): void {
  const negligible = (k: number) =>
    Math.abs(beside[k]!) <= Number.EPSILON * (Math.abs(diagonal[k]!) + Math.abs(diagonal[k + 1]!));
  for (let high = size - 1; high > 0; ) {
    if (negligible(high - 1)) {
      beside[high - 1] = 0;
      high--;
      continue;
    }
    let low = high - 1;
    while (low > 0 && !negligible(low - 1)) low--;
    qrStep(diagonal, beside, rows, size, low, high);
  }
}

function qrStep(d: Float64Array, e: Float64Array, rows: Float64Array, size: number, low: number, high: number): void {
  const half = (d[high - 1]! - d[high]!) / 2;
  const last = e[high - 1]!;
  const shift = d[high]! - (last * last) / (half + (half < 0 ? -1 : 1) * Math.hypot(half, last));
  let x = d[low]! - shift;
  let z = e[low]!;
  for (let k = low; k < high; k++) {
    const r = Math.hypot(x, z);
    const [c, s] = r === 0 ? [1, 0] : [x / r, z / r];
    if (k > low) e[k - 1] = r;
    const [upper, lower, side] = [d[k]!, d[k + 1]!, e[k]!];
    d[k] = c * c * upper + 2 * c * s * side + s * s * lower;
    d[k + 1] = s * s * upper - 2 * c * s * side + c * c * lower;
    e[k] = c * s * (lower - upper) + (c * c - s * s) * side;
    if (k + 1 < high) {
      z = s * e[k + 1]!;
      e[k + 1]! *= c;
      x = e[k]!;
    }
    for (let j = 0; j < size; j++) {
      const first = rows[k * size + j]!;
      const second = rows[(k + 1) * size + j]!;
      rows[k * size + j] = c * first + s * second;
      rows[(k + 1) * size + j] = c * second - s * first;
    }
  }
}
