/** What the index benchmark asks of an engine, ours and others' alike. Ids are row numbers of the vectors' matrix. */

export interface Setting {
  /** As it appears in the table. */
  readonly name: string;
  readonly ef?: number;
  readonly refine?: number;
}

export interface Engine {
  /** Adds all rows of `vectors` [N, D] with their groups (see `inGroup`), and the index over them. */
  build(vectors: Float32Array, dimensions: number): Promise<void>;
  /** Opens what was built; a new process calls this first. */
  open(dimensions: number): Promise<void>;
  /** What trades recall for speed, in ascending order of recall. */
  readonly settings: readonly Setting[];
  use(setting: Setting): Promise<void>;
  /** Ids of the k nearest by cosine, among those in one group of `oneIn` when it is given. */
  search(query: Float32Array, k: number, oneIn?: number): Promise<readonly number[]>;
  /** False when the engine has no filters. */
  readonly filters: boolean;
  /** Resolves when the vector is found by `search`. Absent where another entry of the same engine shows it. */
  insert?(id: number, vector: Float32Array): Promise<void>;
  close(): Promise<void>;
  /** Resident memory of processes that the engine started. */
  otherMemoryBytes?(): Promise<number>;
}

/** Sizes of a graph search's candidate list, so close that one of them just reaches each recall. */
export const GRAPH_SETTINGS: readonly Setting[] = [12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96, 192].map((ef) => ({
  name: `ef ${ef}`,
  ef,
}));

export type CreateEngine = (folder: string) => Promise<Engine>;

/** Groups for filters: a row is in the group of `oneIn` with probability 1 / oneIn, at random places. */
export const ONE_IN = [2, 4, 10, 100, 1000] as const;

export function inGroup(id: number, oneIn: number): boolean {
  return Math.floor(((Math.imul(id + 1, 0x9e3779b1) >>> 0) / 2 ** 32) * oneIn) === 0;
}

export function groupsOf(id: number): Record<string, boolean> {
  return Object.fromEntries(ONE_IN.map((n) => [`in${n}`, inGroup(id, n)]));
}
