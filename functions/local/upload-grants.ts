/** Leave to PUT one object to this server: a path with an expiry and a signature, as presigned S3 URLs have. */

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { UploadGrants } from '#functions/api/app-dependencies.ts';
import { attributesJson } from '#functions/api/attributes-header.ts';
import type { Clock } from '#shared/core/clock.ts';

const LIFETIME_MS = 15 * 60_000; // as long as a slow upload of a large file takes

/** Grants are signed with a secret of this process: they end with it. */
export function createUploadGrants(clock: Clock, secret: Uint8Array = randomBytes(32)): UploadGrants {
  const sign = (key: string, contentType: string, sizeBytes: number, expires: string) =>
    createHmac('sha256', secret)
      .update(JSON.stringify([key, contentType, sizeBytes, expires]))
      .digest('base64url');
  return {
    grant: async ({ key, contentType, sizeBytes, attributes }) => {
      const expiresAtMs = clock.now() + LIFETIME_MS;
      const expires = String(expiresAtMs);
      const query = new URLSearchParams({ expires, signature: sign(key, contentType, sizeBytes, expires) });
      const headers: Record<string, string> = { 'content-type': contentType };
      if (Object.keys(attributes).length > 0) headers['x-chiasm-attributes'] = attributesJson(attributes);
      return { url: `/v1/objects/${key.split('/').map(encodeURIComponent).join('/')}?${query}`, headers, expiresAtMs };
    },
    accepts: ({ key, contentType, sizeBytes, query }) => {
      const expires = query.get('expires') ?? '';
      const given = Buffer.from(query.get('signature') ?? '', 'base64url');
      const expected = Buffer.from(sign(key, contentType ?? '', sizeBytes ?? -1, expires), 'base64url');
      return Number(expires) > clock.now() && given.length === expected.length && timingSafeEqual(given, expected);
    },
  };
}
