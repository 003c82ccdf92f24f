/** RFC 9457 problem documents. The only place where error codes become HTTP statuses. */

import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { ChiasmError, type ErrorCode, type Issue, toChiasmError } from '#shared/core/errors.ts';
import type { ApiEnv } from './api-env.ts';

/** Codes of HTTP itself, which no other part of the system throws. */
export type ProblemCode = ErrorCode | 'method_not_allowed' | 'forbidden_host' | 'range_not_satisfiable';

interface ProblemKind {
  readonly status: ContentfulStatusCode;
  readonly title: string;
}

export const PROBLEMS: Readonly<Record<ProblemCode, ProblemKind>> = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  invalid_key: { status: 400, title: 'The object key is refused' },
  unauthorized: { status: 401, title: 'A valid API key is needed' },
  not_found: { status: 404, title: 'There is no such thing here' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here' },
  conflict: { status: 409, title: 'Somebody else was faster' },
  too_large: { status: 413, title: 'It is over a limit' },
  unsupported_type: { status: 415, title: 'The content type is not supported' },
  range_not_satisfiable: { status: 416, title: 'The range lies outside of the object' },
  forbidden_host: { status: 421, title: 'The server does not answer to this host name' },
  corrupt_input: { status: 422, title: 'The content cannot be read' },
  unsupported_modality: { status: 422, title: 'The model does not embed this' },
  rate_limited: { status: 429, title: 'Too many requests' },
  cancelled: { status: 503, title: 'The work was cancelled' },
  not_ready: { status: 503, title: 'Not ready yet' },
  storage_unavailable: { status: 503, title: 'The storage does not answer' },
  model_invalid: { status: 500, title: 'The model cannot be used' },
  state_corrupt: { status: 500, title: 'The stored state is damaged' },
  internal: { status: 500, title: 'Something went wrong inside' },
};

/** Seconds after which a client may try again, where waiting helps. */
const RETRY_AFTER_SECONDS: Readonly<Partial<Record<ProblemCode, number>>> = {
  not_ready: 2,
  rate_limited: 5,
  storage_unavailable: 5,
  cancelled: 1,
};

export interface Problem {
  readonly code: ProblemCode;
  readonly detail: string;
  readonly issues?: readonly Issue[];
  readonly headers?: Readonly<Record<string, string>>;
}

export function problemResponse(c: Context<ApiEnv>, problem: Problem): Response {
  const { code, detail, issues = [], headers } = problem;
  const { status, title } = PROBLEMS[code];
  const body = {
    type: `/docs#${code}`,
    title,
    status,
    detail,
    code,
    ...(issues.length > 0 ? { issues } : {}),
    requestId: c.get('requestId'),
  };
  const retryAfter = RETRY_AFTER_SECONDS[code];
  return c.body(JSON.stringify(body), status, {
    'content-type': 'application/problem+json; charset=utf-8',
    'cache-control': 'no-store',
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
    ...(code === 'unauthorized' ? { 'www-authenticate': 'Bearer realm="chiasm"' } : {}),
    ...headers,
  });
}

/**
 * Whatever was thrown, as a problem. A fault inside is logged with its cause; the client learns its code and request id
 * and nothing about the machine.
 */
export function problemOfThrown(c: Context<ApiEnv>, thrown: unknown, log: (error: ChiasmError) => void): Response {
  const error = thrown instanceof HTTPException ? ofHttpException(thrown) : toChiasmError(thrown);
  const inside = PROBLEMS[error.code].status === 500;
  if (inside || error.code === 'storage_unavailable') log(error);
  const detail =
    error.code === 'internal' ? 'an unexpected fault; the log has it under this request id' : error.message;
  return problemResponse(c, { code: error.code, detail, issues: error.issues });
}

/** What Hono itself throws: a body that is no JSON, a content type that the route does not take. */
function ofHttpException(exception: HTTPException): ChiasmError {
  const { status, message } = exception;
  if (status === 415) {
    return new ChiasmError('unsupported_type', 'expected a body with content-type: application/json');
  }
  if (status === 413) return new ChiasmError('too_large', message);
  if (status === 401) return new ChiasmError('unauthorized', message);
  if (status >= 400 && status < 500) {
    const detail = /malformed json/i.test(message) ? 'expected a body of valid JSON in UTF-8' : message;
    return new ChiasmError('invalid_request', detail, { cause: exception });
  }
  return new ChiasmError('internal', message, { cause: exception });
}
