/** What `threaded-session.ts` and its thread, `session-thread.ts`, say to each other. */

import { ChiasmError, type ErrorCode, type Issue, toChiasmError } from '#shared/core/errors.ts';
import type { SessionOptions, TensorInfo, Tensors } from './session.ts';

/** Given to the thread when it starts. */
export interface ThreadTask {
  readonly model: string | Uint8Array;
  readonly options: SessionOptions;
}

export type ThreadRequest =
  | {
      readonly kind: 'run';
      readonly id: number;
      readonly inputs: Tensors;
      readonly outputs: readonly string[] | undefined;
    }
  | { readonly kind: 'close' };

export type ThreadReply =
  | { readonly kind: 'opened'; readonly inputs: readonly TensorInfo[]; readonly outputs: readonly TensorInfo[] }
  | { readonly kind: 'refused'; readonly error: PlainError }
  | { readonly kind: 'done'; readonly id: number; readonly outputs: Tensors }
  | { readonly kind: 'failed'; readonly id: number; readonly error: PlainError };

/** An error as data: classes do not survive the way between threads. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly issues: readonly Issue[];
}

export function toPlainError(thrown: unknown): PlainError {
  const { code, message, issues } = toChiasmError(thrown);
  return { code, message, issues };
}

export function fromPlainError({ code, message, issues }: PlainError): ChiasmError {
  return new ChiasmError(code, message, { issues });
}

/**
 * The buffers of tensors that may move to the other thread instead of being copied: those that a tensor fills alone.
 * A view into a larger buffer is copied, because moving would take the rest of it away too.
 */
export function movableBuffers(tensors: Tensors): ArrayBuffer[] {
  const buffers = Object.values(tensors).flatMap(({ data }) =>
    data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength ? [data.buffer] : [],
  );
  return [...new Set(buffers)];
}
