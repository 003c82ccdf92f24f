/** The Range header for one range of bytes. Source: RFC 9110, section 14. */

export type RangeRequest =
  /** No range that this server serves: the whole object is sent. */
  | { readonly kind: 'whole' }
  | { readonly kind: 'unsatisfiable' }
  /** `end` is exclusive. */
  | { readonly kind: 'part'; readonly start: number; readonly end: number };

const ONE_RANGE = /^bytes=(\d*)-(\d*)$/;

/** Several ranges and other units are answered with the whole, as the RFC allows. */
export function parseRange(header: string | undefined, sizeBytes: number): RangeRequest {
  const match = header === undefined ? null : ONE_RANGE.exec(header.replaceAll(/\s/g, ''));
  if (match === null || (match[1] === '' && match[2] === '')) return { kind: 'whole' };
  const [first, last] = [match[1]!, match[2]!];
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes);
    return length === 0 ? { kind: 'unsatisfiable' } : { kind: 'part', start: sizeBytes - length, end: sizeBytes };
  }
  const start = Number(first);
  if (last !== '' && Number(last) < start) return { kind: 'whole' };
  if (start >= sizeBytes) return { kind: 'unsatisfiable' };
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  return { kind: 'part', start, end };
}
