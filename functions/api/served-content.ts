/**
 * How stored bytes are served so that what somebody uploaded cannot act in this origin: an HTML page or an SVG is
 * downloaded, never shown, and even then it is in a sandbox without scripts.
 */

const SHOWN =
  /^(image\/(jpeg|png|webp|gif|avif|tiff|heic|heif|bmp)|audio\/[\w.+-]+|video\/[\w.+-]+|text\/(plain|markdown|csv)|application\/json)$/;

/** Headers of an object's answer by its content type. */
export function contentHeaders(contentType: string, key: string): Readonly<Record<string, string>> {
  const essence = contentType.split(';', 1)[0]!.trim().toLowerCase();
  const withCharset = essence.startsWith('text/') && !/charset=/i.test(contentType);
  const disposition = SHOWN.test(essence) ? 'inline' : 'attachment';
  const name = key.slice(key.lastIndexOf('/') + 1);
  return {
    'content-type': withCharset ? `${contentType}; charset=utf-8` : contentType,
    'content-disposition': `${disposition}; filename*=UTF-8''${encodeFileName(name)}`,
    'x-content-type-options': 'nosniff',
    'content-security-policy':
      "default-src 'none'; style-src 'unsafe-inline'; media-src 'self'; img-src 'self'; sandbox",
  };
}

/** RFC 8187: like encodeURIComponent, and also what it leaves that the grammar does not allow. */
function encodeFileName(name: string): string {
  return encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** Whether an `If-None-Match` (or `If-Range`) header names this etag. */
export function namesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((candidate) => {
    const tag = candidate.trim().replace(/^W\//, '');
    return tag === '*' || tag === `"${etag}"`;
  });
}
