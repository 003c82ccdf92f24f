import { afterAll, beforeAll, expect, it } from 'vitest';
import { PROBLEMS } from '#functions/api/problem.ts';
import { bodyOf, createFixture, type Fixture } from './api-fixture.ts';

let api: Fixture;
beforeAll(async () => {
  api = await createFixture();
});
afterAll(() => api.close());

it('the OpenAPI document is the reviewed one', async () => {
  const document = await bodyOf(api.request('/openapi.json'));
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot('./openapi.snapshot.json');
});

it('the OpenAPI document is whole: every reference leads somewhere, every path parameter is described', async () => {
  const document = await bodyOf(api.request('/openapi.json'));
  expect(document.openapi).toBe('3.1.0');
  const text = JSON.stringify(document);
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
    expect(document.components.schemas).toHaveProperty(name!);
  }
  for (const [path, item] of Object.entries<Record<string, { parameters?: { name: string; in: string }[] }>>(
    document.paths,
  )) {
    for (const [, parameter] of path.matchAll(/\{(\w+)\}/g)) {
      for (const operation of Object.values(item)) {
        expect(operation.parameters).toContainEqual(
          expect.objectContaining({ name: parameter, in: 'path', required: true }),
        );
      }
    }
  }
});

it('the page names every call, schema and problem, and loads nothing from anywhere', async () => {
  const response = await api.request('/docs');
  const page = await response.text();
  const document = await bodyOf(api.request('/openapi.json'));
  expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
  expect(page).not.toMatch(/<script|src=|<link|@import|url\(/);
  for (const path of Object.keys(document.paths)) expect(page).toContain(path);
  for (const schema of Object.keys(document.components.schemas)) expect(page).toContain(`id="schema-${schema}"`);
  for (const code of Object.keys(PROBLEMS)) expect(page).toContain(`id="${code}"`);
  const ids = [...page.matchAll(/ id="([^"]+)"/g)].map((match) => match[1]);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(target);
});
