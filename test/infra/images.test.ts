/** The images: a Dockerfile whose parts exist and keep the rules, a bundle that runs, and packages for one platform only. */

import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, matchesGlob } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bundlePrograms } from '../../infra/images/bundle.ts';
import { placeNativePackages } from '../../infra/images/place-native-packages.ts';
import { parseCopy, parseDockerfile } from './dockerfile.ts';

const ROOT = join(import.meta.dirname, '../..');
const source = readFileSync(join(ROOT, 'infra/images/Dockerfile'), 'utf8');
const { stages } = parseDockerfile(source);
const instructions = stages.flatMap((stage) => stage.instructions.map((instruction) => ({ stage, ...instruction })));
const TARGETS = ['lambda', 'worker', 'worker-cuda'];
const entries = [...source.matchAll(/=(functions\/\S+\.ts)/g)].map((match) => match[1]!);
const RUNTIME = 'infra/images/lambda-runtime';

describe('the Dockerfile', () => {
  it('has the targets that the stacks build', () => {
    expect(stages.map(({ name }) => name)).toEqual(expect.arrayContaining(TARGETS));
  });

  it('starts from images of an exact version, by their digests', () => {
    const names = new Set(stages.map(({ name }) => name));
    const bases = stages.map(({ from }) => from).filter((from) => !names.has(from));
    expect(bases.length).toBeGreaterThan(0);
    for (const base of bases) expect(base).toMatch(/^[a-z/.]+:\d+\.\d+\.\d+[a-z0-9.-]*@sha256:[0-9a-f]{64}$/);
  });

  it('uses the Node that the project is tested with', () => {
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(source).toContain(`node:${dependencies.node}-`);
  });

  it('copies only what exists and is sent, or what an earlier stage made', () => {
    const lines = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n');
    const sent = lines.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    const left = lines.filter((line) => /^[\w*]/.test(line) && line !== '*');
    expect([...entries, ...sent].filter((path) => left.some((pattern) => matchesGlob(path, pattern)))).toEqual([]);
    const before: string[] = [];
    for (const stage of stages) {
      for (const { name, text } of stage.instructions) {
        if (name !== 'COPY') continue;
        const { from, sources } = parseCopy(text);
        if (from !== undefined) {
          expect(before).toContain(from);
          continue;
        }
        for (const path of sources) {
          expect(globSync(path, { cwd: ROOT }), path).not.toEqual([]);
          expect(
            sent.some((prefix) => path === prefix || path.startsWith(`${prefix}/`)),
            path,
          ).toBe(true);
        }
      }
      before.push(stage.name);
    }
  });

  it('bundles programs that exist', () => {
    expect(entries.length).toBeGreaterThan(3);
    expect(entries.filter((entry) => !existsSync(join(ROOT, entry)))).toEqual([]);
  });

  it.each(TARGETS)('runs %s as no root, says how its health is known, and has no compiler', (target) => {
    const stage = stages.find(({ name }) => name === target)!;
    const of = (name: string) =>
      stage.instructions.filter((instruction) => instruction.name === name).map(({ text }) => text);
    expect(of('USER')).toEqual(['10001:10001']);
    expect(of('ENV')).toEqual(['HOME=/tmp']); // that user has none
    expect(of('HEALTHCHECK')).toHaveLength(1);
    expect(of('ENTRYPOINT')).toHaveLength(1);
    expect(stage.from).not.toBe('tools');
    expect(of('RUN').join()).not.toMatch(/g\+\+|make|python3/);
  });

  it("starts AWS's runtime client by the file that its package names, where Lambda looks for handlers", () => {
    const { packages } = JSON.parse(readFileSync(join(ROOT, RUNTIME, 'package-lock.json'), 'utf8'));
    const client = 'node_modules/aws-lambda-ric';
    const { instructions: steps } = stages.find(({ name }) => name === 'lambda')!;
    const [entry] = steps.filter(({ name }) => name === 'ENTRYPOINT');
    expect(JSON.parse(entry!.text)).toEqual(['node', `${client}/${packages[client].bin['aws-lambda-ric']}`]);
    expect(steps.map(({ text }) => text)).toContain('ln -s /opt/chiasm /var/task');
  });

  it('takes the arguments that the stacks give', () => {
    const given = [...readFileSync(join(ROOT, 'infra/program-image.ts'), 'utf8').matchAll(/\b([A-Z]+): settings\./g)];
    const taken = instructions.filter(({ name }) => name === 'ARG').map(({ text }) => text.split('=', 1)[0]);
    expect(given.map(([, name]) => name).sort()).toEqual(taken.toSorted());
  });

  it('gives programs their arguments as lists, so that signals reach them', () => {
    for (const { name, text } of instructions) {
      if (name === 'ENTRYPOINT' || name === 'CMD') expect(Array.isArray(JSON.parse(text)), text).toBe(true);
    }
  });

  it('leaves no lists of packages behind, and takes no more packages than are named', () => {
    for (const { name, text } of instructions) {
      if (name !== 'RUN' || !text.includes('apt-get')) continue;
      expect(text).toContain('--no-install-recommends');
      expect(text).toMatch(/rm -rf \/var\/lib\/apt\/lists\/\*$/);
    }
  });

  it('installs what the lock files say, and pipes nothing from the network into a shell', () => {
    for (const { name, text } of instructions) {
      if (name !== 'RUN') continue;
      expect(text).not.toMatch(/npm (i|install)\b|curl|wget|sudo|\| ?(ba)?sh\b/);
    }
  });

  it('has no secrets', () => {
    expect(source).not.toMatch(/SECRET|PASSWORD|TOKEN|AKIA|ADD http/);
  });
});

describe('the bundle', () => {
  const folder = mkdtempSync(join(tmpdir(), 'chiasm-bundle-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('has the programs, the files that their threads start from, and the finished console', async () => {
    await bundlePrograms(folder, { local: 'functions/cli/main.ts' });
    const files = readdirSync(folder);
    const text = files
      .filter((file) => file.endsWith('.mjs'))
      .map((file) => readFileSync(join(folder, file), 'utf8'))
      .join('\n');
    const threads = [...text.matchAll(/new URL\("\.\/([\w-]+\.mjs)", import\.meta\.url\)/g)].map((match) => match[1]);
    expect(threads.length).toBeGreaterThan(2);
    expect(files).toEqual(expect.arrayContaining(['local.mjs', ...threads]));
    expect(text).not.toMatch(/new URL\("\.\/[\w-]+\.ts", import\.meta\.url\)/);
    expect(text).toMatch(/\/console\/[\w-]{12}\/script\.js/);
    expect(text).not.toContain('esbuild produced no');
  });

  it('stands beside packages with binaries for this platform only', async () => {
    const placed = await placeNativePackages(ROOT, folder);
    expect(placed).toEqual(expect.arrayContaining(['onnxruntime-node', 'hnswlib-node', 'sharp', 'bindings']));
    expect(placed).not.toContain('node-gyp');
    const platforms = join(folder, 'node_modules/onnxruntime-node/bin/napi-v6');
    expect(readdirSync(platforms)).toEqual([process.platform]);
    expect(readdirSync(join(platforms, process.platform))).toEqual([process.arch]);
  });
});
