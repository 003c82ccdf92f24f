/**
 * Carries out a Dockerfile where there is no Docker: `node test/infra/run-dockerfile.ts TARGET BASE WORK`, as root. BASE is the root
 * folder of a plain Debian with the Node of the base image in it; each stage becomes a folder under WORK, and RUN runs in it by chroot.
 */

import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { type Instruction, parseCopy, parseDockerfile, type Stage, substitute } from './dockerfile.ts';

const ROOT = join(import.meta.dirname, '../..');
const [target, base, work] = process.argv.slice(2);
if (target === undefined || base === undefined || work === undefined) {
  throw new Error('usage: node test/infra/run-dockerfile.ts TARGET BASE WORK');
}
const { stages } = parseDockerfile(readFileSync(join(ROOT, 'infra/images/Dockerfile'), 'utf8'));

/** The stage and those that it is made from, in order. */
function needed(name: string): Stage[] {
  const stage = stages.find((one) => one.name === name);
  if (stage === undefined) return [];
  const from = stage.instructions.flatMap(({ name: word, text }) =>
    word === 'COPY' ? (parseCopy(text).from ?? []) : [],
  );
  return [...new Set([...needed(stage.from), ...from.flatMap(needed), stage])];
}

const folderOf = (stage: string) => join(resolve(work!), stage);
const copyTree = (from: string, to: string) => execFileSync('cp', ['-a', '--reflink=auto', `${from}/.`, to]);

function build(stage: Stage): void {
  const folder = folderOf(stage.name);
  console.log(`== ${stage.name}`);
  if (existsSync(folder)) return; // of an earlier run
  mkdirSync(folder, { recursive: true });
  copyTree(stages.some(({ name }) => name === stage.from) ? folderOf(stage.from) : resolve(base!), folder);
  const state = { workdir: '/', environment: {} as Record<string, string> };
  // WORKDIR is kept by stages that are built on another one
  for (const parent of needed(stage.from))
    for (const { name, text } of parent.instructions) if (name === 'WORKDIR') state.workdir = text;
  for (const instruction of stage.instructions) carryOut(instruction, folder, state);
}

interface State {
  workdir: string;
  readonly environment: Record<string, string>;
}

function carryOut({ name, text }: Instruction, folder: string, state: State): void {
  const [key, value = ''] = text.split('=', 2) as [string, string?];
  if (name === 'WORKDIR') {
    state.workdir = text;
    mkdirSync(join(folder, text), { recursive: true });
  } else if (name === 'ARG' || name === 'ENV') state.environment[key] = value;
  else if (name === 'COPY') copy(text, folder, state);
  else if (name === 'RUN') {
    console.log(`   RUN ${text.slice(0, 100)}`);
    const command = `cd ${state.workdir} && ${text}`;
    const environment = {
      ...process.env,
      ...state.environment,
      HOME: '/root',
      PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    };
    execFileSync('chroot', [folder, '/bin/sh', '-ec', command], { stdio: 'inherit', env: environment });
  }
}

function copy(text: string, folder: string, state: State): void {
  const { from, sources, target: to } = parseCopy(substitute(text, state.environment));
  const into = join(folder, to.startsWith('/') ? to : join(state.workdir, to));
  for (const source of sources) {
    const paths =
      from === undefined
        ? globSync(source, { cwd: ROOT }).map((path) => join(ROOT, path))
        : [join(folderOf(from), source)];
    for (const path of paths) {
      const oneFile = !statSync(path).isDirectory();
      const place = oneFile && (to.endsWith('/') || to === '.') ? join(into, basename(path)) : into;
      mkdirSync(oneFile ? join(place, '..') : place, { recursive: true });
      if (oneFile) cpSync(path, place);
      else copyTree(path, place);
    }
  }
}

for (const stage of needed(target)) build(stage);
console.log(`== ${target} is in ${folderOf(target)}`);
