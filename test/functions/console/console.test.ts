import { describe, expect, it } from 'vitest';
import { bundleConsole } from '#functions/console/bundle.ts';
import { createConsole } from '#functions/console/console.ts';

const assets = bundleConsole();
const console_ = createConsole({ assets });

describe('the console as it is served', () => {
  it('paints the frame of the page without any script', async () => {
    const page = await (await console_.request('/')).text();
    for (const id of ['words', 'terms', 'filters', 'results', 'announcements']) expect(page).toContain(`id="${id}"`);
    expect(page).not.toMatch(/<script(?![^>]* src="\.\/console\/)/);
    expect(page).not.toMatch(/ style="| on\w+="/);
  });

  it('starts the box with the words of the address, as text', async () => {
    const page = await (await console_.request(`/?q=${encodeURIComponent('"><script>alert(1)</script>')}`)).text();
    expect(page).toContain('value="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"');
    expect(page).not.toContain('<script>alert');
  });

  it('allows nothing from elsewhere, and no inline script or style', async () => {
    const policy = (await console_.request('/')).headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("style-src 'self';");
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
  });

  it('admits the origins of presigned objects where it is told them, and there only for media', async () => {
    const cloud = createConsole({ assets, mediaOrigins: ['https://media.example'] });
    const policy = (await cloud.request('/')).headers.get('content-security-policy') ?? '';
    const directives = policy.split('; ').filter((directive) => directive.includes('https://media.example'));
    expect(directives.map((directive) => directive.split(' ')[0]).sort()).toEqual([
      'connect-src',
      'img-src',
      'media-src',
    ]);
  });

  it('serves its assets under their hashes, to be kept for ever', async () => {
    const { script, style, icon } = await assets;
    for (const asset of [script, style, icon]) {
      const response = await console_.request(asset.path);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe(asset.contentType);
      expect(response.headers.get('cache-control')).toContain('immutable');
      expect(await response.text()).toBe(asset.content);
    }
    expect((await console_.request('/console/somethingelse/script.js')).status).toBe(404);
    expect((await console_.request('/')).headers.get('cache-control')).toBe('no-cache');
  });

  it('gives the same address to the same content and bundles in memory', async () => {
    expect((await bundleConsole()).script.path).toBe((await assets).script.path);
  });

  it('needs less than 60 kB of script', async () => {
    expect(Buffer.byteLength((await assets).script.content)).toBeLessThan(60_000);
  });
});
