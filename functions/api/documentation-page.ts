/** The human-readable documentation: one page without scripts, rendered from the OpenAPI document. */

import { html, raw } from 'hono/html';
import type { OpenApiDocument } from './openapi-document.ts';
import { PROBLEMS } from './problem.ts';

type Json = Readonly<Record<string, unknown>>;
type Html = ReturnType<typeof html>;

const METHODS = ['get', 'post', 'put', 'delete'] as const;

export const DOCUMENTATION_STYLE = `
:root{color-scheme:light dark;--line:color-mix(in srgb,currentColor 18%,transparent);--soft:color-mix(in srgb,currentColor 6%,transparent);--accent:#2f6fde}
@media (prefers-color-scheme:dark){:root{--accent:#8ab4ff}}
*{box-sizing:border-box}html{scroll-padding-top:16px}
body{margin:0 auto;padding:32px 24px 96px;max-width:960px;font:16px/1.55 system-ui,sans-serif}
h1{font-size:28px;margin:0 0 8px}h2{margin:48px 0 8px;font-size:22px}h3{margin:0;font:600 15px/1.5 ui-monospace,monospace;overflow-wrap:anywhere}
a{color:var(--accent)}nav ul{columns:2 260px;padding:0;list-style:none;font-size:14px}nav li{padding:2px 0;overflow-wrap:anywhere}
article{border:1px solid var(--line);border-radius:8px;padding:16px;margin:16px 0}
article p{margin:4px 0 12px}.method{display:inline-block;min-width:64px;color:var(--accent);text-transform:uppercase}
table{border-collapse:collapse;width:100%;font-size:14px;margin:8px 0}th,td{text-align:left;vertical-align:top;padding:6px 8px;border-top:1px solid var(--line);overflow-wrap:anywhere}
code,pre{font:13px/1.5 ui-monospace,monospace}pre{background:var(--soft);padding:12px;border-radius:6px;overflow:auto;margin:8px 0}
h4{margin:16px 0 4px;font-size:14px}td:first-child{white-space:nowrap}
`;

const EXAMPLE = `curl --upload-file beach.jpg -H 'content-type: image/jpeg' http://127.0.0.1:8787/v1/objects/holiday/beach.jpg
curl 'http://127.0.0.1:8787/v1/search?q=people+at+the+sea'
curl http://127.0.0.1:8787/v1/search -H 'content-type: application/json' \\
  -d '{"query":[{"text":"beach"},{"item":"holiday/beach.jpg","weight":0.5},{"text":"people","weight":-0.5}],"minProbability":0.5}'`;

export function documentationPage(document: OpenApiDocument): Html {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = (item as Json)[method] as Operation | undefined;
      return operation === undefined
        ? []
        : [{ method, path, operation, id: `${method}${path.replaceAll(/[^\w]+/g, '-')}` }];
    }),
  );
  return html`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Chiasm API</title><style>${raw(DOCUMENTATION_STYLE)}</style></head>
<body>
<header><h1>Chiasm API</h1>${(document.info.description ?? '').split('\n\n').map((text) => html`<p>${text}</p>`)}
<p>The same as a document for machines: <a href="/openapi.json">openapi.json</a> (OpenAPI 3.1).</p></header>
<pre>${EXAMPLE}</pre>
<nav aria-label="Calls"><ul>${operations.map(({ method, path, id }) => html`<li><a href="#${id}"><code><span class="method">${method}</span> ${path}</code></a></li>`)}</ul></nav>
<main>
${(document.tags ?? []).map(
  (
    tag,
  ) => html`<section aria-labelledby="tag-${tag.name}"><h2 id="tag-${tag.name}">${tag.name}</h2><p>${tag.description ?? ''}</p>
${operations.filter(({ operation }) => operation.tags?.includes(tag.name)).map(renderOperation)}</section>`,
)}
<section><h2 id="schemas">Schemas</h2>${Object.entries(document.components?.schemas ?? {}).map(
    ([name, schema]) => html`<article id="schema-${name}"><h3>${name}</h3>${renderSchema(schema as Json)}</article>`,
  )}</section>
<section><h2 id="problems">Problems</h2><p>Every error is <code>application/problem+json</code> with one of these codes.</p>
<table><thead><tr><th scope="col">code</th><th scope="col">status</th><th scope="col">meaning</th></tr></thead><tbody>
${Object.entries(PROBLEMS).map(([code, { status, title }]) => html`<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${title}</td></tr>`)}
</tbody></table></section>
</main>
</body>
</html>`;
}

interface Operation {
  readonly summary?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema?: Json }>> };
  readonly responses?: Readonly<
    Record<
      string,
      { readonly description?: string; readonly content?: Readonly<Record<string, { readonly schema?: Json }>> }
    >
  >;
}

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Json;
}

interface NamedOperation {
  readonly method: string;
  readonly path: string;
  readonly id: string;
  readonly operation: Operation;
}

function renderOperation({ method, path, id, operation }: NamedOperation): Html {
  const { parameters = [], requestBody, responses = {} } = operation;
  return html`<article id="${id}"><h3><span class="method">${method}</span> ${path}</h3><p>${operation.summary ?? ''}</p>
${
  parameters.length === 0
    ? ''
    : html`<h4>Parameters</h4><table><tbody>${parameters.map(
        (parameter) =>
          html`<tr><td><code>${parameter.name}</code></td><td>${parameter.in}${parameter.required ? ', required' : ''}</td><td>${typeText(parameter.schema ?? {})} ${prose(parameter.description ?? parameter.schema?.description)}</td></tr>`,
      )}</tbody></table>`
}
${Object.entries(requestBody?.content ?? {}).map(([type, { schema }]) => html`<h4>Body: ${type}</h4>${schema ? renderSchema(schema) : ''}`)}
<h4>Answers</h4><table><tbody>${Object.entries(responses).map(
    ([status, response]) =>
      html`<tr><td><code>${status === 'default' ? 'else' : status}</code></td><td>${prose(response.description)}</td><td>${Object.values(response.content ?? {}).map(({ schema }) => (schema ? renderType(schema) : ''))}</td></tr>`,
  )}</tbody></table></article>`;
}

/** A description with its `code` marked. */
function prose(text: unknown): Html[] {
  if (typeof text !== 'string') return [];
  return text.split('`').map((piece, i) => (i % 2 === 1 ? html`<code>${piece}</code>` : html`${piece}`));
}

/** An object as a table of its fields, anything else as its type. */
function renderSchema(schema: Json): Html {
  const properties = schema.properties as Readonly<Record<string, Json>> | undefined;
  if (properties === undefined) return html`<p>${renderType(schema)} ${prose(schema.description)}</p>`;
  const required = new Set((schema.required as readonly string[] | undefined) ?? []);
  return html`<table><tbody>${Object.entries(properties).map(
    ([name, field]) =>
      html`<tr><td><code>${name}</code>${required.has(name) ? '' : ' (optional)'}</td><td>${renderType(field)}</td><td>${prose(field.description)}</td></tr>`,
  )}</tbody></table>`;
}

function renderType(schema: Json): Html {
  const name = referenceName(schema);
  return name === undefined
    ? html`<code>${typeText(schema)}</code>`
    : html`<a href="#schema-${name}"><code>${name}</code></a>`;
}

function typeText(schema: Json): string {
  const name = referenceName(schema);
  if (name !== undefined) return name;
  const alternatives = (schema.anyOf ?? schema.oneOf) as readonly Json[] | undefined;
  if (alternatives !== undefined) return alternatives.map(typeText).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.type === 'array') return `${typeText((schema.items as Json | undefined) ?? {})}[]`;
  if (schema.type === 'object' && schema.properties !== undefined) {
    const fields = Object.entries(schema.properties as Record<string, Json>);
    return `{ ${fields.map(([field, inner]) => `${field}: ${typeText(inner)}`).join(', ')} }`;
  }
  const type = Array.isArray(schema.type) ? schema.type.join(' | ') : String(schema.type ?? 'any');
  const bounds =
    schema.minimum !== undefined && schema.maximum !== undefined ? ` ${schema.minimum} to ${schema.maximum}` : '';
  return type + bounds + (schema.default === undefined ? '' : `, default ${JSON.stringify(schema.default)}`);
}

function referenceName(schema: Json): string | undefined {
  return typeof schema.$ref === 'string' ? schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1) : undefined;
}
