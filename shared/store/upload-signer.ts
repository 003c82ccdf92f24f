/**
 * The port for signed addresses: whoever has one may upload or download one object, until it expires, without any other
 * right. Adapters: `S3UploadSigner` here; the local server signs addresses of its own.
 */

import type { ObjectMetadata } from './object-store.ts';

export interface PresignPutOptions extends ObjectMetadata {
  readonly contentType: string;
  /** Exactly this many bytes may be uploaded. */
  readonly sizeBytes: number;
  readonly expiresInSeconds: number;
}

export interface PresignedPut {
  readonly url: string;
  /** The client has to send exactly these with its PUT; names are lower-case. The signature covers them and the length. */
  readonly headers: Readonly<Record<string, string>>;
  readonly expiresAt: Date;
}

export interface PresignGetOptions {
  readonly expiresInSeconds: number;
}

export interface PresignedGet {
  readonly url: string;
  readonly expiresAt: Date;
}

export interface UploadSigner {
  presignPut(key: string, options: PresignPutOptions): Promise<PresignedPut>;
  /** Whether the object exists is not checked: a GET of what is not there answers 404. */
  presignGet(key: string, options: PresignGetOptions): Promise<PresignedGet>;
}
