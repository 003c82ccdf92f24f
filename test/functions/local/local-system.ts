/** The whole local system in this process: a folder of pictures, tones and a text, and tiny models that know them. */

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { composeLocal, type LocalSettings } from '#functions/local/compose.ts';
import { chooseModels } from '#functions/local/model-choice.ts';
import { createLog, type LogFields } from '#shared/core/log.ts';
import { makeAnswerModel } from '../../models/make-answer-model.ts';
import { bodyOf } from '../api/api-fixture.ts';
import { writeCollection } from '../console/console-harness.ts';

/** Eight colours, two tones and a text; `copies` times as many pictures. */
export async function writeMedia(root: string): Promise<string> {
  const folder = join(root, 'media');
  await mkdir(folder, { recursive: true });
  await writeCollection(folder);
  return folder;
}

/** @param models as after `--model` */
export async function startLocal(root: string, models: readonly string[], options: Partial<LocalSettings> = {}) {
  const dataFolder = join(root, 'data');
  const logged: { readonly event: string; readonly fields: LogFields }[] = [];
  const system = composeLocal(
    {
      folders: [join(root, 'media')],
      dataFolder,
      models: await chooseModels(models, dataFolder),
      reader: await makeAnswerModel(join(root, 'reader')),
      apiKeys: [],
      allowedHosts: 'any',
      ...options,
    },
    createLog((_level, event, fields) => logged.push({ event, fields })),
  );
  const { spaces, follow } = await system.load();
  let closed = false;
  const close = async () => {
    if (!closed) await system.close();
    closed = true;
  };
  onTestFinished(close);
  const request = async (path: string, init?: RequestInit) => system.app.request(path, init);
  const get = (path: string) => bodyOf(request(path));
  return {
    spaces,
    follow,
    request,
    get,
    close,
    logged,
    put: (key: string, body: Uint8Array, contentType = 'image/png') =>
      request(`/v1/objects/${key}`, {
        method: 'PUT',
        body: Buffer.from(body),
        headers: { 'content-type': contentType },
      }),
    post: (path: string, body: unknown) =>
      request(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    /** Everything that is found for the words, in order. */
    search: async (words: string, more = ''): Promise<string[]> => {
      const answer = await get(`/v1/search?q=${encodeURIComponent(words)}&limit=100&mode=vector${more}`);
      return answer.results.map(({ key }: { key: string }) => key);
    },
    /** Indexes what differs. */
    settle: async () => {
      await spaces.catchUp();
      await spaces.idle();
    },
  };
}

export async function addPictures(root: string, pictures: Readonly<Record<string, Uint8Array>>): Promise<void> {
  await Promise.all(Object.entries(pictures).map(([name, bytes]) => writeFile(join(root, 'media', name), bytes)));
}
