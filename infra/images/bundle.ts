/**
 * Packs programs for an image: `node infra/images/bundle.ts FOLDER NAME=ENTRY...`. Each becomes `NAME.mjs`; what they share lies
 * in chunks beside them. Packages with binaries stay outside (`place-native-packages.ts`), the console is made now, and threads
 * find their files.
 */

import { glob, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { bundleConsole } from '#functions/console/bundle.ts';
import { NATIVE_PACKAGES } from './native-packages.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** `new Worker(new URL('./name.ts', import.meta.url))`: the only way in which threads are started here. */
const THREAD = /new URL\('\.\/([\w-]+)\.ts', import\.meta\.url\)/g;

/** Programs start threads from files of their own: each becomes an entry, and is named as it will be called. */
async function threadsOf(folder: string): Promise<{ entries: Record<string, string>; plugin: Plugin }> {
  const entries: Record<string, string> = {};
  const sources = await Array.fromAsync(glob('**/*.ts', { cwd: folder }));
  for (const source of sources) {
    const text = await readFile(join(folder, source), 'utf8');
    for (const [, name] of text.matchAll(THREAD)) entries[name!] = join(folder, dirname(source), `${name}.ts`);
  }
  const plugin: Plugin = {
    name: 'threads',
    setup: ({ onLoad }) => {
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        return { contents: text.replace(THREAD, "new URL('./$1.mjs', import.meta.url)"), loader: 'ts' };
      });
    },
  };
  return { entries, plugin };
}

/** The program gets the finished console instead of the bundler that makes it. */
const finishedConsole: Plugin = {
  name: 'console',
  setup: ({ onLoad }) => {
    onLoad({ filter: /functions\/console\/bundle\.ts$/ }, async () => {
      const assets = JSON.stringify(await bundleConsole());
      return { contents: `export const bundleConsole = async () => (${assets});`, loader: 'js' };
    });
  },
};

export async function bundlePrograms(folder: string, programs: Readonly<Record<string, string>>): Promise<void> {
  const threads = await threadsOf(join(ROOT, 'shared'));
  await mkdir(folder, { recursive: true });
  await build({
    absWorkingDir: ROOT,
    entryPoints: { ...threads.entries, ...programs },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    minifySyntax: true,
    sourcemap: 'linked',
    sourcesContent: false,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: NATIVE_PACKAGES.flatMap((name) => [name, `${name}/*`]),
    // packages written for `require` look for it
    banner: {
      js: "import { createRequire as _require } from 'node:module'; const require = _require(import.meta.url);",
    },
    plugins: [finishedConsole, threads.plugin],
  });
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }\n');
}

if (import.meta.main) {
  const [folder, ...programs] = process.argv.slice(2);
  const entries = programs.map((program) => program.split('=', 2) as [string, string]);
  if (folder === undefined || entries.length === 0 || entries.some(([, entry]) => entry === undefined)) {
    throw new Error(`usage: node infra/images/${basename(import.meta.filename)} FOLDER NAME=ENTRY...`);
  }
  await bundlePrograms(resolve(folder), Object.fromEntries(entries));
}
