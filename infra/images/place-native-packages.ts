/**
 * Copies the packages with binaries, and what they need, into an image: `node infra/images/place-native-packages.ts FROM TO`,
 * where FROM has a `node_modules`. Only files for this platform come along: 45 of the 290 MB of ONNX Runtime.
 */

import { cp, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { NATIVE_PACKAGES } from './native-packages.ts';

/** As npm has installed it; nothing else is there to check it by, in a stage that has one package. */
interface InstalledPackage {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Dependencies that only an installation needs. */
const INSTALL_ONLY = new Set([
  'adm-zip',
  'global-agent',
  'node-addon-api',
  'node-gyp',
  'node-pre-gyp',
  'prebuild-install',
]);
/** What is not needed at run time: sources, objects of the compiler, types, other platforms' binaries. */
const LEFT_OUT = [
  /\.(md|d\.ts|map|cc|cpp|h|hpp|o|a|d|gyp|gypi|mk|tgz)$/i,
  /[/\\](deps|obj\.target|test|tests|docs|\.deps|script)$/,
  new RegExp(`onnxruntime-node[/\\\\]bin[/\\\\]napi-v6[/\\\\](?!${process.platform}([/\\\\]|$))`),
  new RegExp(`onnxruntime-node[/\\\\]bin[/\\\\]napi-v6[/\\\\]${process.platform}[/\\\\](?!${process.arch}([/\\\\]|$))`),
];

/** @returns names of the packages that were placed */
export async function placeNativePackages(from: string, to: string): Promise<readonly string[]> {
  const installed = join(from, 'node_modules');
  const placed = new Set<string>();
  const wanted = [...NATIVE_PACKAGES];
  for (let name = wanted.shift(); name !== undefined; name = wanted.shift()) {
    if (placed.has(name) || INSTALL_ONLY.has(name)) continue;
    const folder = join(installed, name);
    const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => undefined);
    if (text === undefined) continue; // made for another platform, or for another kind of image
    placed.add(name);
    const { dependencies = {}, optionalDependencies = {} }: InstalledPackage = JSON.parse(text);
    wanted.push(...Object.keys(dependencies), ...Object.keys(optionalDependencies));
    await cp(folder, join(to, 'node_modules', name), {
      recursive: true,
      filter: (source) => !LEFT_OUT.some((pattern) => pattern.test(source.slice(folder.length - name.length))),
    });
  }
  return [...placed];
}

if (import.meta.main) {
  const [from, to] = process.argv.slice(2);
  if (from === undefined || to === undefined) throw new Error('usage: node place-native-packages.ts FROM TO');
  console.log(`placed ${(await placeNativePackages(resolve(from), resolve(to))).join(', ')}`);
}
