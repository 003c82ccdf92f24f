/** `npm run models` as a person runs it, and then `npm start -- --model NAME`. */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CATALOGUE } from '#shared/models/catalogue.ts';
import { makeSmallModel, served } from '../../models/pull/catalogue-models.ts';
import { type FileServer, startFileServer } from '../../models/pull/file-server.ts';
import { startProgram } from '../local/start-program.ts';

const MAIN = join(import.meta.dirname, '../../../functions/models/main.ts');

let server: FileServer;
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chiasm-models-'));
  const small = await Promise.all(CATALOGUE.slice(0, 4).map((entry) => makeSmallModel(entry)));
  server = await startFileServer(small.flatMap(served));
  await writeFile(join(folder, 'catalogue.json'), JSON.stringify(small.map(({ entry }) => entry)));
});
afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

function models(...args: string[]): Promise<{ code: number; out: string }> {
  const all = ['--data', join(folder, 'data'), '--catalogue', join(folder, 'catalogue.json'), ...args];
  const environment = { ...process.env, CHIASM_MODELS_URL: server.url };
  return new Promise((resolve) =>
    execFile(process.execPath, [MAIN, ...all], { env: environment }, (error, out, errors) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out: out + errors }),
    ),
  );
}

describe('npm run models', () => {
  it('pulls, verifies and lists a model, which npm start then finds pictures with', async () => {
    const pulled = await models('pull', 'siglip2-base');
    expect(pulled).toMatchObject({ code: 0, out: expect.stringContaining('npm start -- --model siglip2-base') });
    expect(await models('verify')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/✓ starter .*\n✓ reader .*\n✓ siglip2-base {2}files and vectors are well/),
    });
    expect((await models('list')).out).toMatch(/● siglip2-base /);

    await mkdir(join(folder, 'pictures'));
    for (const background of ['red', 'green', 'blue']) {
      const picture = sharp({ create: { width: 40, height: 30, channels: 3, background } });
      await picture.jpeg().toFile(join(folder, 'pictures', `${background}.jpg`));
    }
    const args = [join(folder, 'pictures'), '--data', join(folder, 'data'), '--model', 'siglip2-base'];
    const program = await startProgram(args);
    while ((await program.get('v1/stats')).body.items?.indexed !== 3) await sleep(50);
    const { body } = await program.get('v1/search?q=a+crimson+square&limit=3&mode=vector');
    expect(body.results[0]).toMatchObject({ key: 'red.jpg', probability: expect.any(Number) });
    expect((await program.get('v1/models')).body.models[0]).toMatchObject({
      name: 'siglip2-base',
      licence: 'Apache-2.0',
    });
    await program.signal('SIGTERM');
  });

  it('tells a damaged file from a good one', async () => {
    await models('pull', 'clip-vit-base-patch32');
    await writeFile(join(folder, 'data/models/clip-vit-base-patch32/onnx/text_model.onnx'), 'nonsense');
    const verified = await models('verify', 'clip-vit-base-patch32');
    expect(verified.code).toBe(1);
    expect(verified.out).toMatch(/✗ clip-vit-base-patch32 .*text_model.onnx: the card says \d+ bytes, the file has 8/);
  });

  it('removes what it pulled, and nothing else', async () => {
    await models('pull', 'siglip-base');
    expect((await models('remove', 'siglip-base')).code).toBe(0);
    expect(await models('remove', 'siglip-base')).toMatchObject({ code: 1, out: expect.stringContaining('no model') });
    expect((await readdir(join(folder, 'data/models'))).filter((name) => name.includes('siglip-base'))).toEqual([
      '.siglip-base.lock',
    ]);
    expect(await models('remove', '../../catalogue.json')).toMatchObject({ code: 1 });
    expect(await models('remove', 'starter')).toMatchObject({ code: 1 });
  });

  it('says that a model is for research only', async () => {
    expect((await models('list')).out).toMatch(/! mobileclip-s0: not for commercial use/);
  });

  it.each([
    [['pull'], /needs the name of a model/],
    [['pull', 'nothing'], /there is no model "nothing"; there are .*siglip2-base/],
    [['dance'], /expected list, pull, verify, remove; got "dance"/],
    [['list', '--mirror', 'ftp://x'], /expected a URL/],
    [['list', '--catalogue', '/nowhere.json'], /cannot be read/],
  ])('refuses %j with the reason', async (args, message) => {
    const { code, out } = await models(...args);
    expect(code).toBe(1);
    expect(out).toMatch(message);
  });
});
