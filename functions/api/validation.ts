/** Zod's findings as a problem with a JSON pointer for each. */

import type { Context } from 'hono';
import type { z } from 'zod';
import type { Issue } from '#shared/core/errors.ts';
import type { ApiEnv } from './api-env.ts';
import { problemResponse } from './problem.ts';

/** Issues listed at most; a body of ten thousand wrong terms needs no ten thousand lines. */
const MAX_ISSUES = 20;

/** Zod's message of a union that has none of its own. */
const UNION_SAYS_NOTHING = 'Invalid input';

type ZodIssue = z.core.$ZodIssue;

/** The hook of every route: a failed validation becomes a problem, with where it was sought (body, query, ...) in front. */
export function refuseInvalid(
  result: { readonly success: boolean; readonly target: string; readonly error?: z.ZodError },
  c: Context<ApiEnv>,
): Response | undefined {
  if (result.success) return undefined;
  const issues = toIssues(result.error?.issues ?? [], result.target === 'json' ? '' : `/${result.target}`);
  const [first] = issues;
  const where = result.target === 'json' ? 'the body' : `the ${result.target} parameters`;
  const detail = first === undefined ? `${where} is not valid` : `${where}: ${first.path || '/'}: ${first.message}`;
  return problemResponse(c, { code: 'invalid_request', detail, issues });
}

function toIssues(issues: readonly ZodIssue[], prefix = ''): readonly Issue[] {
  return issues
    .slice(0, MAX_ISSUES)
    .flatMap((issue) => flatten(issue, prefix))
    .slice(0, MAX_ISSUES);
}

/** A union's issue says nothing by itself; the alternative that fits best (got furthest) says what is wrong with it. */
function flatten(issue: ZodIssue, prefix: string): readonly Issue[] {
  const path = `${prefix}${jsonPointer(issue.path)}`;
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const depth = (issues: readonly ZodIssue[]) => Math.max(0, ...issues.map((inner) => inner.path.length));
    const [best] = [...issue.errors].sort((a, b) => depth(b) - depth(a) || a.length - b.length);
    if (best !== undefined && depth(best) > 0) return best.flatMap((inner) => flatten(inner, path));
    if (issue.message !== UNION_SAYS_NOTHING) return [{ path, message: issue.message }];
    const expected = issue.errors
      .map((alternative) => alternative[0]?.message)
      .filter((message) => message !== undefined);
    return [{ path, message: [...new Set(expected)].join('; or: ') }];
  }
  return [{ path, message: issue.message }];
}

/** RFC 6901. */
function jsonPointer(path: readonly PropertyKey[]): string {
  return path.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}
