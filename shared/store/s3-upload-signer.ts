/** Presigned addresses of Amazon S3. */

import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { type Clock, systemClock } from '#shared/core/clock.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { parseObjectKey } from '#shared/core/object-key.ts';
import { checkMetadata } from './check-metadata.ts';
import { createS3Client, type S3Settings } from './s3-client.ts';
import { encodeMetadata } from './s3-metadata.ts';
import type { UploadSigner } from './upload-signer.ts';

/** The signature's own limit: seven days. */
const MAX_SECONDS = 7 * 24 * 60 * 60;

export function createS3UploadSigner(
  settings: S3Settings & { readonly bucket: string },
  { clock = systemClock }: { readonly clock?: Clock } = {},
): UploadSigner {
  const { bucket } = settings;
  const client = createS3Client(settings, { checksums: false });

  /** Start and end of an address's life; S3 counts from the signing date in whole seconds. */
  function life(expiresInSeconds: number) {
    if (!Number.isSafeInteger(expiresInSeconds) || expiresInSeconds < 1 || expiresInSeconds > MAX_SECONDS) {
      const message = `expected an expiry of 1 to ${MAX_SECONDS} whole seconds; got ${expiresInSeconds}`;
      throw new ChiasmError('invalid_request', message);
    }
    const signingDate = new Date(Math.floor(clock.now() / 1000) * 1000);
    const expiresAt = new Date(signingDate.getTime() + expiresInSeconds * 1000);
    return { signing: { expiresIn: expiresInSeconds, signingDate }, expiresAt };
  }

  return {
    async presignPut(key, { contentType, sizeBytes, metadata = {}, expiresInSeconds }) {
      checkMetadata({ contentType, metadata });
      const { signing, expiresAt } = life(expiresInSeconds);
      const encoded = encodeMetadata(metadata);
      const command = new PutObjectCommand({
        Bucket: bucket,
        Key: parseObjectKey(key),
        ContentType: contentType,
        ContentLength: sizeBytes,
        Metadata: encoded,
      });
      const metadataHeaders = Object.fromEntries(
        Object.entries(encoded).map(([name, value]) => [`x-amz-meta-${name}`, value]),
      );
      const url = await getSignedUrl(client, command, {
        ...signing,
        signableHeaders: new Set(['host', 'content-type', 'content-length', ...Object.keys(metadataHeaders)]),
        unhoistableHeaders: new Set(Object.keys(metadataHeaders)),
      });
      return { url, headers: { 'content-type': contentType, ...metadataHeaders }, expiresAt };
    },
    async presignGet(key, { expiresInSeconds }) {
      const { signing, expiresAt } = life(expiresInSeconds);
      const command = new GetObjectCommand({ Bucket: bucket, Key: parseObjectKey(key) });
      return { url: await getSignedUrl(client, command, signing), expiresAt };
    },
  };
}
