/** How Chiasm talks to Amazon SQS, or to another server with its JSON protocol; and what SQS says, as errors to act on. */

import { SQSClient, SQSServiceException } from '@aws-sdk/client-sqs';
import { ChiasmError } from '#shared/core/errors.ts';

export interface SqsSettings {
  /** @default what the AWS SDK finds in its environment */
  readonly region?: string;
  /** @default what the AWS SDK finds: the role of the function, container or profile */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Attempts at one request, the first included. @default 5 */
  readonly maxAttempts?: number;
}

const CONNECTION_TIMEOUT_MS = 5_000;
/** Longer than the longest wait for a message, 20 seconds. */
const REQUEST_TIMEOUT_MS = 30_000;

/** A client for this queue and its dead letters, which are at the same host. */
export function createSqsClient(
  queueUrl: string,
  { region, credentials, maxAttempts = 5 }: SqsSettings = {},
): SQSClient {
  return new SQSClient({
    endpoint: new URL(queueUrl).origin,
    ...(region !== undefined && { region }),
    ...(credentials !== undefined && { credentials }),
    maxAttempts,
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      throwOnRequestTimeout: true,
    },
  });
}

/** @param doing what was tried, for the message: `send to the queue` */
export function toSqsError(error: unknown, doing: string, queueUrl: string): ChiasmError {
  if (error instanceof ChiasmError) return error;
  const status = error instanceof SQSServiceException ? error.$metadata.httpStatusCode : undefined;
  const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const advice =
    status === 403
      ? '. Check the credentials and what their role may do'
      : error instanceof Error && error.name.includes('QueueDoesNotExist')
        ? '. Check the URL of the queue and the region'
        : '';
  const retryable = status === undefined || status >= 500 || status === 429;
  return new ChiasmError('storage_unavailable', `could not ${doing} ${queueUrl}: ${said}${advice}`, {
    cause: error,
    retryable,
  });
}
