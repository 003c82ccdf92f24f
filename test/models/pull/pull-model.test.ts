import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadEncoder } from '#shared/encoders/create-encoder.ts';
import { CATALOGUE } from '#shared/models/catalogue.ts';
import { catalogueEntrySchema } from '#shared/models/catalogue-entry.ts';
import { findModel, listModels } from '#shared/models/find-model.ts';
import { type PullOptions, pullModel, withPullLock } from '#shared/models/pull/pull-model.ts';
import { removeModel } from '#shared/models/pull/remove-model.ts';
import { createOnnxSession } from '#shared/runtime/onnx-session.ts';
import { loadWhisper } from '#shared/speech/whisper.ts';
import { DEEP_HZ, tones } from '../../speech/tones.ts';
import { makeSmallModel, type SmallModel, served } from './catalogue-models.ts';
import { type FileServer, startFileServer } from './file-server.ts';

let dataFolder = '';
let server: FileServer;
beforeEach(async () => {
  dataFolder = await mkdtemp(join(tmpdir(), 'chiasm-pull-'));
  server = await startFileServer();
});
afterEach(async () => {
  await server.close();
  await rm(dataFolder, { recursive: true });
});

const modelsFolder = () => join(dataFolder, 'models');
const options = (change: Partial<PullOptions> = {}): PullOptions => ({
  modelsFolder: modelsFolder(),
  source: { url: server.url },
  retryMs: 1,
  maxFailures: 2,
  ...change,
});

async function serveSmall(name: string): Promise<SmallModel> {
  const small = await makeSmallModel(CATALOGUE.find((entry) => entry.name === name)!);
  for (const [path, bytes] of served(small)) server.files.set(path, bytes);
  return small;
}

describe('the catalogue', () => {
  it('fits its own schema, with names that are there once', () => {
    for (const entry of CATALOGUE) expect(catalogueEntrySchema.parse(entry)).toEqual(entry);
    expect(new Set(CATALOGUE.map(({ name }) => name)).size).toBe(CATALOGUE.length);
  });

  it('says why, where a model may not be used commercially, and begins with one that may', () => {
    for (const { licence } of CATALOGUE) expect(licence.commercialUse || licence.note).toBeTruthy();
    expect(CATALOGUE[0]?.licence.commercialUse).toBe(true);
  });

  it('has a digest for every graph of the models that it puts first', () => {
    const graphs = CATALOGUE.slice(0, 5).flatMap(({ files }) => files.filter(({ path }) => path.endsWith('.onnx')));
    for (const graph of graphs)
      expect(graph).toMatchObject({ sha256: expect.any(String), sizeBytes: expect.any(Number) });
  });
});

describe('a pulled model', () => {
  it.each(CATALOGUE.filter(({ task }) => task === undefined).map(({ name }) => name))(
    '%s loads under its name, from files laid out as at the hub',
    async (name) => {
      const { entry } = await serveSmall(name);
      const { folder, alreadyThere } = await pullModel(entry, options());
      expect(alreadyThere).toBe(false);
      expect(await findModel(name, { dataFolder })).toBe(folder);
      const encoder = await loadEncoder(folder, { openSession: createOnnxSession });
      expect([...encoder.modalities].sort()).toEqual([...entry.modalities].sort());
      expect(encoder.space.id).toMatch(new RegExp(`^${name}-${entry.revision.slice(0, 12)}-[0-9a-f]{8}$`));
      expect(encoder.space.calibration).toEqual(entry.calibration ?? {});
      await encoder.close();
      expect(await readdir(modelsFolder())).toEqual([`.${name}.lock`, name]);
    },
  );

  it('of speech writes down what is said under its name, and is not fetched again', async () => {
    const { entry } = await serveSmall('whisper-base');
    const { folder } = await pullModel(entry, options());
    const speech = await loadWhisper(folder);
    expect(speech).toMatchObject({
      name: `whisper-base-${entry.revision.slice(0, 12)}`,
      facts: { licence: 'Apache-2.0' },
    });
    expect(await speech.transcribe(tones([DEEP_HZ, 1]))).toMatchObject({ text: 'it is red' });
    await speech.close();
    expect((await pullModel(entry, options())).alreadyThere).toBe(true);
  });

  it('is not fetched again', async () => {
    const { entry } = await serveSmall('minilm');
    await pullModel(entry, options());
    const requests = server.log.length;
    expect((await pullModel(entry, options())).alreadyThere).toBe(true);
    expect(server.log.length).toBe(requests);
  });

  it('gives way to another revision', async () => {
    const { entry, files } = await serveSmall('minilm');
    await pullModel(entry, options());
    const newer = { ...entry, revision: 'f'.repeat(40) };
    for (const [path, bytes] of served({ entry: newer, files })) server.files.set(path, bytes);
    expect((await pullModel(newer, options())).alreadyThere).toBe(false);
    const card = JSON.parse(await readFile(join(modelsFolder(), 'minilm', 'chiasm.json'), 'utf8'));
    expect(card.version).toBe('ffffffffffff');
  });

  it('may come from a folder, without a network', async () => {
    const small = await makeSmallModel(CATALOGUE.find(({ name }) => name === 'clap-int8')!);
    const places = [small.entry.repository, small.entry.name, '.'];
    for (const place of places) {
      const folder = join(dataFolder, 'stick', place);
      for (const [path, bytes] of small.files) {
        await mkdir(dirname(join(folder, path)), { recursive: true });
        await writeFile(join(folder, path), bytes);
      }
      await pullModel(small.entry, options({ source: { folder: join(dataFolder, 'stick') } }));
      expect(await listModels(modelsFolder())).toEqual(['clap-int8']);
      await rm(join(dataFolder, 'stick'), { recursive: true });
      await rm(join(modelsFolder(), 'clap-int8'), { recursive: true });
    }
    await expect(pullModel(small.entry, options({ source: { folder: dataFolder } }))).rejects.toThrow(
      /of clap-int8 is missing; looked for .*Xenova\/clap-htsat-unfused/,
    );
  });
});

describe('a pull', () => {
  it('that fails leaves no model, and the next one fetches only what is missing', async () => {
    const { entry } = await serveSmall('clip-vit-base-patch32');
    const missing = `${entry.repository}/resolve/${entry.revision}/onnx/text_model.onnx`;
    const bytes = server.files.get(missing)!;
    server.files.delete(missing);
    await expect(pullModel(entry, options({ parallel: 1 }))).rejects.toMatchObject({ code: 'not_found' });
    expect(await listModels(modelsFolder())).toEqual([]);
    server.files.set(missing, bytes);
    const before = server.log.filter((line) => line.includes('vision_model')).length;
    await pullModel(entry, options());
    expect(server.log.filter((line) => line.includes('vision_model')).length).toBeLessThanOrEqual(Math.max(1, before));
    expect(await listModels(modelsFolder())).toEqual(['clip-vit-base-patch32']);
  });

  it('that was cut off is removed with what it left, a whole model too, and nothing while it is pulled', async () => {
    const { entry, files } = await serveSmall('minilm');
    const [path] = [...files.keys()].filter((name) => name.endsWith('.onnx'));
    const missing = `${entry.repository}/resolve/${entry.revision}/${path}`;
    const bytes = server.files.get(missing)!;
    server.files.delete(missing);
    await expect(pullModel(entry, options())).rejects.toMatchObject({ code: 'not_found' });
    expect(await readdir(modelsFolder())).toContain('.minilm.pulling');
    await removeModel(modelsFolder(), 'minilm');
    expect(await readdir(modelsFolder())).toEqual(['.minilm.lock']);
    await expect(removeModel(modelsFolder(), 'minilm')).rejects.toMatchObject({ code: 'not_found' });
    server.files.set(missing, bytes);
    await pullModel(entry, options());
    const running = withPullLock(modelsFolder(), 'minilm', () => removeModel(modelsFolder(), 'minilm'));
    await expect(running).rejects.toMatchObject({ code: 'conflict' });
    expect(await listModels(modelsFolder())).toEqual(['minilm']);
    await removeModel(modelsFolder(), 'minilm');
    expect(await readdir(modelsFolder())).toEqual(['.minilm.lock']);
  });

  it('refuses a file with other bytes than the catalogue says', async () => {
    const { entry } = await serveSmall('minilm');
    const path = `${entry.repository}/resolve/${entry.revision}/config.json`;
    server.files.set(
      path,
      server.files.get(path)!.map((byte) => byte ^ 1),
    );
    await expect(pullModel(entry, options())).rejects.toMatchObject({ code: 'model_invalid' });
    expect(await listModels(modelsFolder())).toEqual([]);
  });

  it('refuses to run beside another one of the same model', async () => {
    const { entry } = await serveSmall('minilm');
    const both = await Promise.allSettled([pullModel(entry, options()), pullModel(entry, options())]);
    const refused = both.filter((result) => result.status === 'rejected');
    expect(refused).toHaveLength(1);
    expect(refused[0]?.reason).toMatchObject({ code: 'conflict', message: expect.stringContaining('another process') });
    expect(await listModels(modelsFolder())).toEqual(['minilm']);
  });

  it('refuses to begin without room on the disk', async () => {
    const { entry } = await serveSmall('minilm');
    const huge = { ...entry, approximateBytes: 2 ** 52 };
    await expect(pullModel(huge, options())).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringMatching(/minilm needs \d+ MB more; .* has room for \d+ MB/),
    });
    expect(server.log).toEqual([]);
  });

  it('tells how far it is', async () => {
    const { entry } = await serveSmall('minilm');
    const seen: number[] = [];
    await pullModel(
      entry,
      options({ onProgress: ({ receivedBytes, totalBytes }) => seen.push(receivedBytes / totalBytes) }),
    );
    expect(seen.at(-1)).toBeCloseTo(1, 5);
  });
});
