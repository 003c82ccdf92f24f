/** The embedded index with its state in a bucket: a server with the protocol of Amazon S3, in memory and in a process of its own. */

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import { createS3ObjectStore } from '#shared/store/s3-object-store.ts';
import { startS3Server } from '../../store/s3-server.ts';
import { createEngineOver } from './chiasm.ts';
import type { Engine } from './engine.ts';

interface Bucket {
  readonly settings: Awaited<ReturnType<typeof startS3Server>>['settings'];
  readonly bucket: string;
}

export async function createEngine(folder: string): Promise<Engine> {
  const files = join(folder, 'state');
  if (!existsSync(files)) return createEngineOver(createFileObjectStore(files), folder); // to build it
  const server = fork(import.meta.filename, [files]);
  const [{ settings, bucket }] = (await once(server, 'message')) as [Bucket];
  const engine = createEngineOver(openBucket(settings, bucket), folder);
  return {
    ...engine,
    close: async () => {
      await engine.close();
      server.kill();
    },
  };
}

function openBucket(settings: Bucket['settings'], bucket: string) {
  return createS3ObjectStore({ client: new S3Client({ ...settings, forcePathStyle: true }), bucket });
}

/** Serves the files of a folder until the process is ended. */
async function serve(folder: string): Promise<void> {
  const server = await startS3Server();
  const bucket = server.createBucket();
  const files = createFileObjectStore(folder);
  const target = openBucket(server.settings, bucket);
  for await (const { key } of files.list()) {
    const stored = await files.stream(key);
    await target.put(key, stored!.body);
  }
  process.send!({ settings: server.settings, bucket } satisfies Bucket);
}

if (import.meta.main) {
  process.once('disconnect', () => process.exit());
  await serve(process.argv[2]!);
}
