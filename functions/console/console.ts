/** The web console: one page at `/` and its three assets, to be mounted beside the API that it talks to. */

import { Hono } from 'hono';
import { compress } from 'hono/compress';
import { secureHeaders } from 'hono/secure-headers';
import { bundleConsole, type ConsoleAssets } from './bundle.ts';
import { renderPage } from './page.ts';

export interface ConsoleOptions {
  /**
   * Where script and style come from. A deployment passes what it bundled while it was packed.
   * @default bundles the sources next to this file, once, starting now
   */
  readonly assets?: Promise<ConsoleAssets>;
  /**
   * Origins besides the server's own that objects are read from and uploaded to: the media bucket's, where the API answers
   * with presigned URLs. Without them the content security policy admits this server alone.
   * @default none
   */
  readonly mediaOrigins?: readonly string[];
}

export function createConsole(options: ConsoleOptions = {}): Hono {
  const assets = options.assets ?? bundleConsole();
  assets.catch(() => {}); // whoever asks for the page gets the error; until then it must not end the process
  const app = new Hono();
  app.use('/', contentSecurity(options.mediaOrigins ?? []));
  app.use('/console/*', compress());
  app.get('/', async (context) => {
    context.header('cache-control', 'no-cache');
    return context.html(renderPage(await assets, context.req.query('q') ?? ''));
  });
  app.get('/console/:hash/:name', async (context) => {
    const asset = Object.values(await assets).find(({ path }: { path: string }) => path === context.req.path);
    if (asset === undefined) return context.notFound();
    return context.body(asset.content, 200, {
      'content-type': asset.contentType,
      'cache-control': 'public, max-age=31536000, immutable',
    });
  });
  return app;
}

function contentSecurity(mediaOrigins: readonly string[]) {
  return secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'", 'blob:', 'data:', ...mediaOrigins],
      mediaSrc: ["'self'", 'blob:', 'data:', ...mediaOrigins],
      connectSrc: ["'self'", ...mediaOrigins],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
    permissionsPolicy: { camera: [], geolocation: [], microphone: ['self'] },
    referrerPolicy: 'same-origin',
    strictTransportSecurity: false, // the local server speaks plain HTTP; the cloud's edge sets it
  });
}
