/** The OpenAPI 3.1 document, generated from the schemas that validate. */

import type { ApiApp } from './api-env.ts';

export type OpenApiDocument = ReturnType<ApiApp['getOpenAPI31Document']>;

const DESCRIPTION = `Put images, sound and text in; find them by describing them.

Times are ISO 8601 UTC, field names camelCase, bodies JSON in UTF-8. Errors are problem documents (RFC 9457).`;

export function openApiDocument(app: ApiApp): OpenApiDocument {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Chiasm',
      version: '1',
      description: DESCRIPTION,
      license: { name: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{}, { apiKey: [] }],
    tags: [
      { name: 'Search', description: 'Find items by words, pictures, sounds, or other items.' },
      { name: 'Objects', description: 'Store, read and delete the bytes.' },
      { name: 'Items', description: 'What is known of the objects.' },
      { name: 'Questions', description: 'Ask about a picture or about the collection.' },
      { name: 'Classification', description: 'Sort content into classes.' },
      { name: 'Alignments', description: 'Bridges between the spaces of models, learned from pairs.' },
      { name: 'Jobs', description: 'Long tasks: trainings and changes of the model.' },
      { name: 'System', description: 'Health, statistics, models, metrics.' },
    ],
  });
}

export function registerSecurity(app: ApiApp): void {
  app.openAPIRegistry.registerComponent('securitySchemes', 'apiKey', {
    type: 'http',
    scheme: 'bearer',
    description: 'Needed where the server is configured with API keys.',
  });
}
