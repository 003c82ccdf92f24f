/** How Chiasm talks to Amazon S3, or to another server with its protocol. */

import { S3Client } from '@aws-sdk/client-s3';

export interface S3Settings {
  /** @default what the AWS SDK finds in its environment */
  readonly region?: string;
  /** Another server with the protocol of S3 (MinIO, Garage, ...), addressed as `endpoint/bucket/key`. */
  readonly endpoint?: string;
  /** @default what the AWS SDK finds: the role of the function, container or profile */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Attempts at one request, the first included. @default 5 */
  readonly maxAttempts?: number;
  /** Silence on a connection after which a request has failed. @default 30 seconds */
  readonly requestTimeoutMs?: number;
}

/** Time in which a connection must stand; S3 needs milliseconds. */
const CONNECTION_TIMEOUT_MS = 5_000;

export interface S3ClientOptions {
  /** Off for signed addresses: a checksum in them would be the one of an empty body. @default true */
  readonly checksums?: boolean;
}

export function createS3Client(settings: S3Settings, { checksums = true }: S3ClientOptions = {}): S3Client {
  const { region, endpoint, credentials, maxAttempts = 5, requestTimeoutMs = 30_000 } = settings;
  return new S3Client({
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(credentials !== undefined && { credentials }),
    maxAttempts,
    requestChecksumCalculation: checksums ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      requestTimeout: requestTimeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: requestTimeoutMs,
    },
  });
}
