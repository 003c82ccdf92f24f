/** The drawing of the architecture, kept true: who may import whom. `docs/architecture.md` shows the same table. */

import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

/** A module imports only from rows below its own (and from itself). */
const ROWS: readonly (readonly string[])[] = [
  ['core'],
  ['store', 'queue', 'media'],
  ['models', 'runtime', 'jobs'],
  ['encoders', 'catalog'],
  ['vector-index', 'learning', 'datasets', 'speech'],
  ['spaces'],
  ['ingest', 'search', 'classify', 'alignments'],
  ['answer'],
];
const rowOf = (module: string) => ROWS.findIndex((row) => row.includes(module));

/** Files that build adapters are imported only where a program is composed. */
const ADAPTERS = [
  'shared/store/file-object-store.ts',
  'shared/store/folder-object-store.ts',
  'shared/store/memory-object-store.ts',
  'shared/store/overlay-object-store.ts',
  'shared/store/s3-object-store.ts',
  'shared/queue/memory-queue.ts',
  'shared/queue/sqs-queue.ts',
  'shared/runtime/onnx-session.ts',
  'shared/vector-index/open-index.ts',
  'shared/vector-index/s3-vectors-index.ts',
];

/** What the templates may know of the programs. `infra/images` packs them, and runs while an image is built. */
const NAMES_FOR_INFRA = [
  'functions/environment-names.ts',
  'functions/metric-names.ts',
  'shared/core/state-keys.ts',
  'shared/models/catalogue.ts',
];

interface Import {
  readonly from: string;
  readonly to: string;
}

function importsOf(folder: string): Import[] {
  const files = globSync(`${folder}/**/*.{ts,tsx}`, { cwd: ROOT });
  return files.flatMap((file) => {
    const source = readFileSync(join(ROOT, file), 'utf8');
    const specifiers = [...source.matchAll(/(?:from|import\(|import)\s*'([^']+)'/g)].map((match) => match[1]!);
    return specifiers.flatMap((specifier): Import[] => {
      if (specifier.startsWith('#')) return [{ from: file, to: specifier.slice(1) }];
      if (specifier.startsWith('.')) return [{ from: file, to: relative(ROOT, join(ROOT, dirname(file), specifier)) }];
      return [];
    });
  });
}

const show = ({ from, to }: Import) => `${from} -> ${to}`;

describe('imports', () => {
  const shared = importsOf('shared');
  const functions = importsOf('functions');
  const infra = importsOf('infra');

  it('are found at all', () => {
    expect(shared.length).toBeGreaterThan(100);
    expect(functions.length).toBeGreaterThan(50);
  });

  it('point from a row of shared/ to rows below it', () => {
    const upward = shared.filter(({ from, to }) => {
      const [, source] = from.split('/');
      const [top, target] = to.split('/');
      if (top !== 'shared') return true;
      return source !== target && rowOf(target!) >= rowOf(source!);
    });
    expect(upward.map(show)).toEqual([]);
  });

  it('of every module of shared/ have a row', () => {
    const modules = new Set(shared.map(({ from }) => from.split('/')[1]!));
    expect([...modules].filter((module) => rowOf(module) < 0)).toEqual([]);
  });

  it('of infra/ lead to names and keys of the programs, never to what they do', () => {
    const outside = infra.filter(({ to }) => !to.startsWith('infra/') && !NAMES_FOR_INFRA.includes(to));
    expect(outside.filter(({ from }) => !from.startsWith('infra/images/')).map(show)).toEqual([]);
    expect([...shared, ...functions].filter(({ to }) => to.startsWith('infra/')).map(show)).toEqual([]);
  });

  it('of adapters stand only in the compose.ts of a program', () => {
    const outside = [...shared, ...functions].filter(({ from, to }) => {
      const sameModule = dirname(from) === dirname(to);
      return ADAPTERS.includes(to) && !sameModule && !/^functions\/[^/]+\/compose\.ts$/.test(from);
    });
    expect(outside.map(show)).toEqual([]);
  });

  it('never lead from programs into tests, nor from shared/ into programs', () => {
    const wrong = [...shared, ...functions].filter(
      ({ from, to }) => to.startsWith('test/') || (from.startsWith('shared/') && !to.startsWith('shared/')),
    );
    expect(wrong.map(show)).toEqual([]);
  });
});
