/** `/openapi.json` for machines, `/docs` for people: both from the registered routes, nothing from other hosts. */

import { createHash } from 'node:crypto';
import type { ApiApp } from '../api-env.ts';
import { DOCUMENTATION_STYLE, documentationPage } from '../documentation-page.ts';
import { type OpenApiDocument, openApiDocument, registerSecurity } from '../openapi-document.ts';

const STYLE_HASH = createHash('sha256').update(DOCUMENTATION_STYLE).digest('base64');
const CONTENT_SECURITY_POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

export function registerDocumentation(app: ApiApp): void {
  registerSecurity(app);
  let document: OpenApiDocument | undefined;
  const current = () => {
    document ??= openApiDocument(app);
    return document;
  };
  app.get('/openapi.json', (c) => c.json(current()));
  app.get('/docs', (c) => {
    c.header('content-security-policy', CONTENT_SECURITY_POLICY);
    return c.html(documentationPage(current()));
  });
}
