/** What every request passes before its route: request id, size, host, key, readiness; and the headers every answer has. */

import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { ApiEnv } from './api-env.ts';
import type { AppDependencies } from './app-dependencies.ts';
import { targetProblem } from './object-path.ts';
import { problemResponse } from './problem.ts';

type Guard = MiddlewareHandler<ApiEnv>;

const CLIENT_REQUEST_ID = /^[\w.-]{1,64}$/;
/** Open without a key: what a load balancer asks, and what explains the API. */
const PUBLIC_PATHS: ReadonlySet<string> = new Set(['/v1/health']);
/** Answered while starting. */
const EARLY_PATHS: ReadonlySet<string> = new Set(['/v1/health', '/v1/models', '/v1/stats']);

/** Takes the client's `x-request-id` when it is harmless, else makes one; every answer carries it. */
export function requestIdentity(): Guard {
  return async (c, next) => {
    const given = c.req.header('x-request-id');
    const requestId = given !== undefined && CLIENT_REQUEST_ID.test(given) ? given : randomUUID();
    c.set('requestId', requestId);
    await next();
    c.res.headers.set('x-request-id', requestId);
    if (!c.res.headers.has('x-content-type-options')) c.res.headers.set('x-content-type-options', 'nosniff');
    if (!c.res.headers.has('referrer-policy')) c.res.headers.set('referrer-policy', 'no-referrer');
    if (!c.res.headers.has('cross-origin-resource-policy')) {
      c.res.headers.set('cross-origin-resource-policy', 'same-origin');
    }
  };
}

/** Refuses other host names (DNS rebinding: a page of evil.example whose name now points to 127.0.0.1). */
export function allowedHost(deps: AppDependencies): Guard {
  return async (c, next) => {
    const { allowedHosts } = deps;
    const { hostname } = new URL(c.req.url);
    if (allowedHosts === 'any' || allowedHosts.includes(hostname)) return next();
    const detail = `expected a request to ${allowedHosts.join(' or ')}, got ${JSON.stringify(hostname.slice(0, 100))}`;
    return problemResponse(c, { code: 'forbidden_host', detail });
  };
}

export function wellFormedTarget(): Guard {
  return async (c, next) => {
    const problem = targetProblem(c.req.url, c.env?.incoming?.url);
    if (problem === undefined) return next();
    return problemResponse(c, {
      code: c.req.url.includes('/v1/') ? 'invalid_key' : 'invalid_request',
      detail: problem,
    });
  };
}

/** `Authorization: Bearer KEY` for the API when keys are configured; a signed upload carries its own leave, and is held to it. */
export function apiKey(
  deps: AppDependencies,
  signedUpload: (request: Request) => 'valid' | 'invalid' | undefined,
): Guard {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return async (c, next) => {
    const { apiKeys } = deps;
    const signed = signedUpload(c.req.raw);
    if (signed === 'valid') return next();
    if (signed === 'invalid') {
      const grant = 'the upload was granted for another key, content type or number of bytes, or too long ago';
      return problemResponse(c, { code: 'unauthorized', detail: `${grant}; ask for a new one` });
    }
    const { pathname } = new URL(c.req.url);
    const guarded = pathname.startsWith('/v1/') || pathname === '/metrics';
    if (apiKeys.length === 0 || !guarded || PUBLIC_PATHS.has(pathname)) return next();
    const given = /^Bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1];
    if (given !== undefined) {
      const givenDigest = digest(given);
      // every key is compared, in constant time: how long it takes says nothing about how much of a key was right
      let known = false;
      for (const key of apiKeys) known = timingSafeEqual(digest(key), givenDigest) || known;
      if (known) return next();
    }
    const detail = given === undefined ? 'expected "Authorization: Bearer KEY"' : 'the API key is not known';
    return problemResponse(c, { code: 'unauthorized', detail });
  };
}

/** 503 until the model and the index are loaded. */
export function readiness(deps: AppDependencies): Guard {
  return async (c, next) => {
    const { pathname } = new URL(c.req.url);
    if (!pathname.startsWith('/v1/') || EARLY_PATHS.has(pathname)) return next();
    const health = deps.health();
    if (health.status !== 'starting') return next();
    return problemResponse(c, {
      code: 'not_ready',
      detail: health.detail ?? 'the model and the index are being loaded',
    });
  };
}

/** 413 by the declared length before anything is read, and while reading where none is declared. */
export function jsonBodyLimit(deps: AppDependencies): Guard {
  let limiter: Guard | undefined;
  return (c, next) => {
    if (c.req.method !== 'POST') return next();
    const maxSize = deps.limits.bodyBytes;
    limiter ??= bodyLimit({
      maxSize,
      onError: (context) =>
        problemResponse(context as typeof c, {
          code: 'too_large',
          detail: `expected a body of at most ${maxSize} bytes`,
        }),
    });
    return limiter(c, next);
  };
}
