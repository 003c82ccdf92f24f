/** The HTTP app: guards, routes, problems. The same app runs in Lambda and in the local server. */

import { OpenAPIHono } from '@hono/zod-openapi';
import type { ApiApp, ApiEnv } from './api-env.ts';
import { createApiMetrics } from './api-metrics.ts';
import type { AppDependencies } from './app-dependencies.ts';
import { allowedHost, apiKey, jsonBodyLimit, readiness, requestIdentity, wellFormedTarget } from './guards.ts';
import { createLastRecall } from './last-recall.ts';
import { keyOfPath, routingPath } from './object-path.ts';
import { problemOfThrown, problemResponse } from './problem.ts';
import { createRouteTable } from './route-table.ts';
import { registerAlignmentRoutes } from './routes/alignments.ts';
import { registerAnswerRoutes } from './routes/answers.ts';
import { registerClassifierRoutes } from './routes/classifiers.ts';
import { registerClassifyRoutes } from './routes/classify.ts';
import { registerDocumentation } from './routes/documentation.ts';
import { registerItemRoutes } from './routes/items.ts';
import { registerJobRoutes } from './routes/jobs.ts';
import { registerObjectRoutes } from './routes/objects.ts';
import { registerQualityRoutes } from './routes/quality.ts';
import { registerSearchRoutes } from './routes/search.ts';
import { registerSpaceRoutes } from './routes/spaces.ts';
import { registerSystemRoutes } from './routes/system.ts';
import { refuseInvalid } from './validation.ts';

export function createApp(deps: AppDependencies): ApiApp {
  const app: ApiApp = new OpenAPIHono<ApiEnv>({ getPath: routingPath, defaultHook: refuseInvalid });
  const table = createRouteTable(() => app.routes);
  const metrics = createApiMetrics(deps, table.patternOf);

  app.use(requestIdentity(), metrics.middleware, wellFormedTarget(), allowedHost(deps));
  app.use(
    apiKey(deps, (request) => signedUpload(deps, request)),
    readiness(deps),
    jsonBodyLimit(deps),
  );

  registerObjectRoutes(app, deps);
  registerItemRoutes(app, deps);
  registerSearchRoutes(app, deps, metrics);
  registerAnswerRoutes(app, deps);
  registerClassifyRoutes(app, deps);
  registerClassifierRoutes(app, deps);
  registerAlignmentRoutes(app, deps);
  registerJobRoutes(app, deps);
  const { lastRecall = createLastRecall() } = deps;
  registerQualityRoutes(app, deps, lastRecall);
  registerSpaceRoutes(app, deps);
  registerSystemRoutes(app, deps, metrics, lastRecall);
  registerDocumentation(app);
  if (deps.site !== undefined) app.route('/', deps.site);

  app.notFound((c) => {
    const allowed = table.methodsOf(c.req.path);
    if (allowed.length === 0) {
      return problemResponse(c, { code: 'not_found', detail: 'no route has this path; /docs lists them' });
    }
    const detail = `expected ${allowed.join(' or ')}, got ${c.req.method}`;
    return problemResponse(c, { code: 'method_not_allowed', detail, headers: { allow: allowed.join(', ') } });
  });
  app.onError((thrown, c) =>
    problemOfThrown(c, thrown, (error) =>
      deps.log.error('api.fault', { requestId: c.get('requestId'), method: c.req.method, path: c.req.path, error }),
    ),
  );
  return app;
}

/** Undefined for a request without a signature, and where grants lead elsewhere. */
function signedUpload(deps: AppDependencies, request: Request): 'valid' | 'invalid' | undefined {
  const key = request.method === 'PUT' ? keyOfPath(request) : undefined;
  const query = new URL(request.url).searchParams;
  if (key === undefined || deps.uploads.accepts === undefined || !query.has('signature')) return undefined;
  const contentType = request.headers.get('content-type') ?? undefined;
  const declared = request.headers.get('content-length');
  const sizeBytes = declared === null ? undefined : Number(declared);
  return deps.uploads.accepts({ key, contentType, sizeBytes, query }) ? 'valid' : 'invalid';
}
