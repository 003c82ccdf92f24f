/** The types that every route shares: Hono's environment and the app with its OpenAPI registry. */

import type { OpenAPIHono } from '@hono/zod-openapi';

export interface ApiEnv {
  readonly Variables: { requestId: string };
  /** What `@hono/node-server` passes along; absent elsewhere. */
  readonly Bindings: { readonly incoming?: { readonly url?: string } } | undefined;
}

export type ApiApp = OpenAPIHono<ApiEnv>;
