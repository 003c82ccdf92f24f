/**
 * The session port: what Chiasm needs of ONNX Runtime. Named tensors in, named tensors out.
 * Adapters: `onnx-session.ts` (this thread), `threaded-session.ts` (a thread of its own, so that the event loop stays free).
 */

/** Row-major; `data.length` is the product of `shape`, 1 for the empty shape. */
export type Tensor =
  | { readonly type: 'float32'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly type: 'int64'; readonly shape: readonly number[]; readonly data: BigInt64Array };

export type Tensors = Readonly<Record<string, Tensor>>;

/** What a graph declares of one input or output. A dimension that is open is its name, or empty. */
export interface TensorInfo {
  readonly name: string;
  /** ONNX element type in ORT's spelling: `float32`, `int64`, `float16`, ... */
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

export interface Session {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /**
   * Runs the graph and returns the outputs asked for, all of them without `outputs`. Calls may overlap.
   * The inputs' memory belongs to the session from here on (it may move to another thread): do not touch it again.
   * @throws ChiasmError `model_invalid` when an output is neither float32 nor int64, `internal` when the runtime refuses
   */
  run(inputs: Tensors, outputs?: readonly string[]): Promise<Tensors>;
  /** Waits for the runs under way, then frees the model. Closing twice is harmless. */
  close(): Promise<void>;
}

type ExecutionProvider = 'cpu' | 'cuda' | 'webgpu' | 'coreml' | 'dml';

export interface SessionOptions {
  /** What the first cannot compute goes to the next. The machine must have all of them: nothing falls back unseen. @default ['cpu'] */
  readonly executionProviders?: readonly ExecutionProvider[];
  /**
   * Threads for one operator. Left to itself ORT takes as many, but ties each to a core, where it waits for whatever
   * else runs there (decoding, or ORT's own first thread): on two cores that costs two fifths of the speed.
   * @default one for each physical core, tied to none; ORT's choice where their number is not known
   */
  readonly threads?: number;
  /**
   * Let ORT's threads wait for work in a loop. A little faster for one model that has the machine for itself; with
   * decoding or a second model beside it, the loops take the cores from the work.
   * @default false
   */
  readonly spinning?: boolean;
  /** How far ORT rewrites the graph. @default 'all' */
  readonly optimisation?: 'disabled' | 'basic' | 'extended' | 'all';
  /** Largest size of a model's weights, inside the file and beside it. @default 2 GiB */
  readonly maxWeightBytes?: number;
}

/** Opens a model: a file's path, or its bytes. @throws ChiasmError `model_invalid` with what is wrong */
export type OpenSession = (model: string | Uint8Array, options?: SessionOptions) => Promise<Session>;
