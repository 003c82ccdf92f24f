/**
 * The one error class. Every failure that a caller can act on carries a code from this closed list;
 * anything else that is thrown is a defect. `functions/api/problem.ts` maps codes to HTTP statuses.
 */

export type ErrorCode =
  | 'invalid_request' // the request does not fit its schema
  | 'invalid_key' // an object key that is refused
  | 'not_found'
  | 'conflict' // a conditional write lost and may be repeated on the new state
  | 'too_large' // bytes, pixels, seconds or characters over a limit
  | 'unsupported_type' // content of a type that Chiasm does not read
  | 'corrupt_input' // content that claims a type and cannot be decoded as it
  | 'unsupported_modality' // the chosen model cannot embed this modality
  | 'model_invalid' // a model folder that does not fit the layout, or a damaged model file
  | 'state_corrupt' // a delta, generation or manifest that fails its checksum or schema
  | 'unauthorized'
  | 'rate_limited'
  | 'not_ready' // still starting
  | 'storage_unavailable' // the store did not answer, or is full
  | 'cancelled'
  | 'internal';

/** One problem of several, with the place where it is: `path` is a JSON pointer or a line number. */
export interface Issue {
  readonly path: string;
  readonly message: string;
}

export interface ErrorOptions {
  readonly cause?: unknown;
  /** True when the same call may succeed later without a change. Default false. */
  readonly retryable?: boolean;
  readonly issues?: readonly Issue[];
}

/** A failure with a code. The message says what was expected, what came, and what to do. */
export class ChiasmError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly issues: readonly Issue[];

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ChiasmError';
    this.code = code;
    this.retryable = options.retryable ?? false;
    this.issues = options.issues ?? [];
  }
}

/** Whatever was thrown, as a `ChiasmError`; a stranger becomes `internal` with itself as the cause. */
export function toChiasmError(thrown: unknown): ChiasmError {
  if (thrown instanceof ChiasmError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new ChiasmError('internal', message, { cause: thrown });
}
