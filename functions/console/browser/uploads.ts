/**
 * Uploads files, a few at a time, with their progress. A key that is taken waits for a decision: nothing that is stored is
 * overwritten by accident because two pictures are called `image.png`.
 */

import { type Api, explain, type UploadTarget } from './api.ts';
import type { PathedFile } from './dropped-files.ts';

export interface Upload {
  readonly file: File;
  key: string;
  /** `unreadable`: it has arrived, and what it holds could not be indexed. */
  state: 'waiting' | 'sending' | 'taken' | 'done' | 'unreadable' | 'failed' | 'skipped';
  sentBytes: number;
  failure?: string | undefined;
}

export interface Uploads {
  readonly add: (files: readonly PathedFile[]) => void;
  readonly all: () => readonly Upload[];
  /** What to do with all uploads whose keys are taken. */
  readonly decide: (decision: 'replace' | 'rename' | 'skip') => void;
  readonly retry: () => void;
  /** Asks which of the files that have arrived could not be indexed. */
  readonly check: () => Promise<void>;
  /** Forgets what is over. */
  readonly clear: () => void;
}

const CONCURRENCY = 4;
const FAILURES_ASKED = 100;

export interface UploadEvents {
  /** Something moved. Called often: whoever draws does so once a frame. */
  readonly onChange: () => void;
  /** A file has arrived. */
  readonly onStored: () => void;
}

export function createUploads(api: Api, { onChange, onStored }: UploadEvents): Uploads {
  let uploads: Upload[] = [];
  let active = 0;

  const pump = () => {
    onChange();
    while (active < CONCURRENCY) {
      const next = uploads.find(({ state }) => state === 'waiting');
      if (next === undefined) return;
      active += 1;
      next.state = 'sending';
      void run(next).finally(() => {
        active -= 1;
        pump();
      });
    }
  };

  const replaceable = new WeakSet<Upload>();
  async function run(upload: Upload): Promise<void> {
    try {
      if (!replaceable.has(upload) && (await api.item(upload.key)) !== undefined) {
        upload.state = 'taken';
        return;
      }
      const { file, key } = upload;
      const contentType = file.type || 'application/octet-stream';
      const target = await api.createUpload({ key, contentType, sizeBytes: file.size });
      await send(target, file, (sentBytes) => {
        upload.sentBytes = sentBytes;
        onChange();
      });
      upload.sentBytes = file.size;
      upload.state = 'done';
      onStored();
    } catch (error) {
      upload.state = 'failed';
      upload.failure = explain(error);
    }
  }

  return {
    add: (files) => {
      uploads.push(...files.map(({ file, path }): Upload => ({ file, key: path, state: 'waiting', sentBytes: 0 })));
      pump();
    },
    all: () => uploads,
    decide: (decision) => {
      for (const upload of uploads.filter(({ state }) => state === 'taken')) {
        if (decision === 'replace') replaceable.add(upload);
        if (decision === 'rename') upload.key = nextName(upload.key);
        upload.state = decision === 'skip' ? 'skipped' : 'waiting';
      }
      pump();
    },
    retry: () => {
      for (const upload of uploads.filter(({ state }) => state === 'failed')) {
        upload.state = 'waiting';
        upload.failure = undefined;
        upload.sentBytes = 0;
      }
      pump();
    },
    check: async () => {
      const arrived = uploads.filter(({ state }) => state === 'done' || state === 'unreadable');
      if (arrived.length === 0) return;
      const { items } = await api.items({ status: 'failed', limit: String(FAILURES_ASKED) });
      const failures = new Map(items.map(({ key, failure }) => [key, failure?.message]));
      for (const upload of arrived) {
        upload.state = failures.has(upload.key) ? 'unreadable' : 'done';
        upload.failure = failures.get(upload.key);
      }
      onChange();
    },
    clear: () => {
      uploads = uploads.filter(({ state }) => state === 'waiting' || state === 'sending');
      onChange();
    },
  };
}

/** `a/b.jpg` becomes `a/b (2).jpg`, and that `a/b (3).jpg`. */
export function nextName(key: string): string {
  const [, stem = key, number, extension = ''] = /^(.*?)(?: \((\d+)\))?(\.[^./]*)?$/s.exec(key) ?? [];
  return `${stem} (${number === undefined ? 2 : Number(number) + 1})${extension}`;
}

/** `fetch` does not tell how much of a body it has sent. */
function send(
  { url, method, headers }: UploadTarget,
  file: File,
  onProgress: (sentBytes: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener('progress', ({ loaded }) => onProgress(loaded));
    request.addEventListener('load', () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(new Error(problemDetail(request.responseText) ?? `The store answered ${request.status}.`));
    });
    request.addEventListener('error', () => reject(new Error('The connection broke.')));
    request.send(file);
  });
}

function problemDetail(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { detail?: string }).detail;
  } catch {
    return undefined; // a store that answers with XML
  }
}
