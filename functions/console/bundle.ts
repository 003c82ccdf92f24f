/**
 * Bundles the console's browser code and style sheet with esbuild, in memory: a matter of milliseconds, so the local server
 * does it at start-up and needs no build step. A deployment calls the same function while it is packed.
 */

import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

export interface Asset {
  /** Carries a hash of the content, so a cache may keep it for ever. */
  readonly path: string;
  readonly contentType: string;
  readonly content: string;
}

export interface ConsoleAssets {
  readonly script: Asset;
  readonly style: Asset;
  readonly icon: Asset;
}

const BROWSER_FOLDER = fileURLToPath(new URL('./browser/', import.meta.url));

export async function bundleConsole(): Promise<ConsoleAssets> {
  const { outputFiles } = await build({
    absWorkingDir: BROWSER_FOLDER,
    entryPoints: { script: 'main.ts', style: 'styles/console.css', icon: 'icon.svg' },
    outdir: '/', // nothing is written; esbuild wants a place for several outputs
    loader: { '.svg': 'copy' },
    bundle: true,
    minify: true,
    charset: 'utf8',
    mangleProps: /^on[A-Z]/, // callbacks of ours; the browser's own are written in small letters
    format: 'esm',
    target: ['chrome123', 'firefox125', 'safari17.5'],
    write: false,
  });
  const asset = (name: string, contentType: string): Asset => {
    const file = outputFiles.find((output) => output.path.endsWith(name));
    if (file === undefined) throw new Error(`esbuild produced no ${name}`);
    const hash = createHash('sha256').update(file.contents).digest('base64url').slice(0, 12);
    return { path: `/console/${hash}/${name}`, contentType, content: file.text };
  };
  return {
    script: asset('script.js', 'text/javascript; charset=utf-8'),
    style: asset('style.css', 'text/css; charset=utf-8'),
    icon: asset('icon.svg', 'image/svg+xml'),
  };
}
