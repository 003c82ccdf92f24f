/** The k best of many scored rows: a binary heap with the worst kept row on top. Equal scores prefer the smaller row. */

export interface TopRows {
  readonly k: number;
  size: number;
  readonly scores: Float64Array;
  readonly rows: Int32Array;
}

export function createTopRows(k: number): TopRows {
  return { k, size: 0, scores: new Float64Array(k), rows: new Int32Array(k) };
}

/** Keeps the row when it is among the k best so far. Returns the row that then is not: another, this one, or undefined. */
export function offerRow(top: TopRows, row: number, score: number): number | undefined {
  if (top.size < top.k) {
    top.scores[top.size] = score;
    top.rows[top.size] = row;
    siftUp(top, top.size++);
    return undefined;
  }
  if (top.k === 0 || !isBetter(score, row, top.scores[0]!, top.rows[0]!)) return row;
  const dropped = top.rows[0]!;
  top.scores[0] = score;
  top.rows[0] = row;
  siftDown(top);
  return dropped;
}

function isBetter(score: number, row: number, otherScore: number, otherRow: number): boolean {
  return score > otherScore || (score === otherScore && row < otherRow);
}

function siftUp(top: TopRows, start: number): void {
  for (let i = start; i > 0; ) {
    const parent = (i - 1) >> 1;
    if (!worse(top, i, parent)) return;
    swap(top, i, parent);
    i = parent;
  }
}

function siftDown(top: TopRows): void {
  for (let i = 0; ; ) {
    let worst = i;
    for (const child of [2 * i + 1, 2 * i + 2]) if (child < top.size && worse(top, child, worst)) worst = child;
    if (worst === i) return;
    swap(top, i, worst);
    i = worst;
  }
}

function worse(top: TopRows, i: number, j: number): boolean {
  return isBetter(top.scores[j]!, top.rows[j]!, top.scores[i]!, top.rows[i]!);
}

function swap(top: TopRows, i: number, j: number): void {
  const score = top.scores[i]!;
  const row = top.rows[i]!;
  top.scores[i] = top.scores[j]!;
  top.rows[i] = top.rows[j]!;
  top.scores[j] = score;
  top.rows[j] = row;
}
