/**
 * Object keys in URLs. Keys contain slashes and routes match one segment, so the part after the collection's name is taken
 * as a whole, with unencoded and encoded slashes alike: `/v1/objects/a/b` and `/v1/objects/a%2Fb` are the key `a/b`.
 */

const KEYED_PATH = /^(\/v1\/(?:objects|items)\/)(.+)$/s;

/** The path by which Hono routes a request; still percent-encoded, keys as one segment. */
export function routingPath(request: Request): string {
  const path = rawPath(request.url);
  const keyed = KEYED_PATH.exec(path);
  return keyed === null ? path : keyed[1]! + keyed[2]!.replaceAll('/', '%2F');
}

/** The path of an object in this API, with only `/` left as it is. */
export function objectPath(key: string): string {
  return `/v1/objects/${key.split('/').map(encodeURIComponent).join('/')}`;
}

/**
 * Why a request target is refused, or undefined. URL parsers resolve `/../` and `%2e%2e` before any route sees them, so a
 * request for one object would quietly act on another; the target as it came over the wire tells.
 */
export function targetProblem(url: string, wireTarget: string | undefined): string | undefined {
  const path = rawPath(url);
  try {
    decodeURIComponent(path);
  } catch {
    return 'the path is not percent-encoded UTF-8; write "%" as %25 and encode other bytes as UTF-8';
  }
  if (wireTarget === undefined) return undefined;
  const wirePath = wireTarget.split(/[?#]/, 1)[0]!.replaceAll(/%2e/gi, '.');
  if (wirePath.includes('\\')) return 'the path must not contain a backslash';
  if (wirePath.split('/').some((segment) => segment === '.' || segment === '..')) {
    return 'the path must not contain "." or ".." as a segment';
  }
  return undefined;
}

function rawPath(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3);
  if (start === -1) return '/';
  const end = url.slice(start).search(/[?#]/);
  return end === -1 ? url.slice(start) : url.slice(start, start + end);
}

/** The object key that a request is for, decoded; undefined when its path is none of an object. */
export function keyOfPath(request: Request): string | undefined {
  const keyed = KEYED_PATH.exec(rawPath(request.url));
  return keyed === null ? undefined : decodeURIComponent(keyed[2]!);
}
