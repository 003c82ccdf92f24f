/**
 * What stands before the app in AWS: the request's id of API Gateway, one line of log and metrics for each request, leave for
 * the console's origin, and a look for news of the index.
 */

import { Hono } from 'hono';
import { cors } from 'hono/cors';
import type { Metrics } from '#functions/cloud/emf.ts';
import { METRIC } from '#functions/metric-names.ts';
import type { Clock } from '#shared/core/clock.ts';
import type { ApiApp } from './api-env.ts';

export interface FrontDependencies {
  readonly app: ApiApp;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** To be awaited before a request is answered. */
  readonly follow: () => Promise<void>;
  /** How the index is that requests are answered from. */
  readonly indexState: () => IndexState;
  /** The first request is the first moment that no snapshot of the function was taken after. */
  readonly onFirstRequest: () => void;
}

export interface IndexState {
  readonly degraded: boolean;
  /** When the oldest delta was stored that the served generation does not hold; undefined when it holds them all. */
  readonly unfoldedSinceMs: number | undefined;
}

export interface FrontOptions {
  /** Origin of pages that may call the API, besides its own. @default none */
  readonly consoleOrigin?: string | undefined;
}

/** What `hono/aws-lambda` passes along, as far as it is read here. */
interface FrontEnv {
  readonly Bindings: { readonly requestContext?: { readonly requestId?: string } } | undefined;
}

const READ_BY_PAGES = ['x-request-id', 'etag', 'retry-after', 'content-range'];
const REQUEST_ID = /^[\w.-]{1,64}$/;
/** Answered whatever the index is. */
const WITHOUT_INDEX = new Set(['/v1/health', '/docs', '/openapi.json', '/']);

export function createFront(
  { app, metrics, clock, follow, indexState, onFirstRequest }: FrontDependencies,
  { consoleOrigin }: FrontOptions = {},
) {
  const front = new Hono<FrontEnv>({ getPath: (request) => new URL(request.url).pathname });
  if (consoleOrigin !== undefined)
    front.use(cors({ origin: consoleOrigin, exposeHeaders: READ_BY_PAGES, maxAge: 3600 }));
  let first = true;
  front.all('*', async (c) => {
    const startedMs = performance.now();
    if (first) onFirstRequest();
    first = false;
    if (!WITHOUT_INDEX.has(c.req.path)) await follow();
    const response = await app.fetch(withRequestId(c.req.raw, c.env?.requestContext?.requestId));
    const { degraded, unfoldedSinceMs = clock.now() } = indexState();
    metrics.put(
      'api.request',
      {
        [METRIC.indexDegraded]: [degraded ? 1 : 0, 'Count'],
        [METRIC.foldingDelay]: [Math.max(0, clock.now() - unfoldedSinceMs) / 1000, 'Seconds'],
      },
      {
        method: c.req.method,
        route: c.req.path.split('/').slice(0, 3).join('/'), // no keys in the log
        status: response.status,
        tookMs: Math.round(performance.now() - startedMs),
        requestId: response.headers.get('x-request-id') ?? undefined,
        traceId: c.req.header('x-amzn-trace-id'),
      },
    );
    return consoleOrigin === undefined ? response : readableElsewhere(response);
  });
  return front;
}

/** The id that API Gateway's own log has, unless the client sent one. */
function withRequestId(request: Request, requestId: string | undefined): Request {
  if (requestId === undefined || REQUEST_ID.test(request.headers.get('x-request-id') ?? '')) return request;
  const headers = new Headers(request.headers);
  headers.set('x-request-id', requestId);
  return new Request(request, { headers });
}

/** Pictures of the API in a page of another origin: the app itself allows its own only. */
function readableElsewhere(response: Response): Response {
  const headers = new Headers(response.headers);
  headers.set('cross-origin-resource-policy', 'cross-origin');
  return new Response(response.body, { status: response.status, headers });
}
