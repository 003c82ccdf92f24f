/** What Amazon S3 says, as errors that a person can act on. */

import { S3ServiceException } from '@aws-sdk/client-s3';
import { ChiasmError } from '#shared/core/errors.ts';

/** HTTP status of an error that S3 answered with; undefined when no answer came. */
export function s3Status(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

/** True for an object that does not exist; a bucket that does not exist is a fault. */
export function isNoSuchKey(error: unknown): boolean {
  return s3Status(error) === 404 && (error as Error).name !== 'NoSuchBucket';
}

/**
 * `error` as `storage_unavailable`. The SDK has already repeated what may be repeated.
 * @param doing what was tried, for the message: `read "a/b"`
 */
export function toS3Error(error: unknown, doing: string, bucket: string): unknown {
  if (error instanceof ChiasmError || !(error instanceof Error)) return error;
  const status = s3Status(error);
  if (status === undefined && !isOfConnection(error)) return error;
  const said = `${error.name}: ${error.message}`;
  const what = `could not ${doing} in the bucket ${bucket}`;
  if (status === 403 || status === 401) {
    const message = `${what}: access was denied (${said}). Check the credentials and what their role may do`;
    return new ChiasmError('storage_unavailable', message, { cause: error });
  }
  if (error.name === 'NoSuchBucket' || status === 301) {
    const message = `${what}: the bucket was not found (${said}). Check its name and region`;
    return new ChiasmError('storage_unavailable', message, { cause: error });
  }
  const retryable = status === undefined || status >= 500 || status === 429 || status === 409;
  return new ChiasmError('storage_unavailable', `${what}: ${said}`, { cause: error, retryable });
}

/** True for errors of sockets, names and time-outs, from Node or the SDK. */
export function isOfConnection(error: Error): boolean {
  if (error.name === 'TimeoutError' || error.name === 'NetworkingError') return true;
  const code = 'code' in error ? String(error.code) : '';
  return /^(ECONN|ENOTFOUND|EAI_|EPIPE|ETIMEDOUT|EHOST|ENET|ERR_STREAM_PREMATURE_CLOSE|CERT_|ERR_TLS)/.test(code);
}
