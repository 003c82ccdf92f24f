/** Chroma: its server, which the package brings along, started by the benchmark and asked over HTTP. */

import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { row } from '#shared/core/vector.ts';
import { type Engine, groupsOf } from './engine.ts';
import { PEERS_FOLDER, peer } from './peer.ts';

interface Collection {
  add(rows: { ids: string[]; embeddings: number[][]; metadatas: object[] }): Promise<void>;
  query(query: object): Promise<{ readonly ids: readonly (readonly string[])[] }>;
  modify(options: object): Promise<void>;
}

interface Chroma {
  readonly ChromaClient: new (options: {
    host: string;
    port: number;
    ssl: boolean;
  }) => {
    heartbeat(): Promise<number>;
    createCollection(options: object): Promise<Collection>;
    getCollection(options: object): Promise<Collection>;
  };
}

const BATCH = 500;
const START_ATTEMPTS = 300;
const PAGE_BYTES = 4096;

export async function createEngine(folder: string): Promise<Engine> {
  const { ChromaClient } = peer<Chroma>('chromadb');
  const port = await freePort();
  let server: ChildProcess | undefined;
  let collection: Collection;
  const start = async () => {
    const command = join(PEERS_FOLDER, 'node_modules', '.bin', 'chroma');
    server = spawn(command, ['run', '--path', join(folder, 'chroma'), '--port', String(port)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let complaint = '';
    server.stderr!.on('data', (bytes) => {
      complaint += bytes;
    });
    const client = new ChromaClient({ host: '127.0.0.1', port, ssl: false });
    for (let attempt = 0; ; attempt++) {
      try {
        await client.heartbeat();
        return client;
      } catch (error) {
        if (server.exitCode !== null) {
          const line = complaint.split('\n').find((text) => text.startsWith('Error: '));
          throw new Error(`its server does not run here: ${line ?? complaint}`, { cause: error });
        }
        if (attempt >= START_ATTEMPTS) throw error;
        await setTimeout(100);
      }
    }
  };
  const add = (ids: readonly number[], vectors: readonly Float32Array[]) =>
    collection.add({
      ids: ids.map(String),
      embeddings: vectors.map((vector) => Array.from(vector)),
      metadatas: ids.map(groupsOf),
    });
  return {
    filters: true,
    settings: [16, 32, 64, 96, 192].map((ef) => ({ name: `ef ${ef}`, ef })),
    build: async (vectors, dimensions) => {
      const client = await start();
      collection = await client.createCollection({
        name: 'vectors',
        embeddingFunction: null,
        configuration: { hnsw: { space: 'cosine', ef_construction: 200, max_neighbors: 16, ef_search: 96 } },
      });
      const count = vectors.length / dimensions;
      for (let from = 0; from < count; from += BATCH) {
        const ids = Array.from({ length: Math.min(BATCH, count - from) }, (_, i) => from + i);
        await add(
          ids,
          ids.map((id) => row(vectors, dimensions, id)),
        );
      }
    },
    open: async () => {
      const client = await start();
      collection = await client.getCollection({ name: 'vectors', embeddingFunction: null });
    },
    use: ({ ef }) => collection.modify({ configuration: { hnsw: { ef_search: ef } } }),
    search: async (query, k, oneIn) => {
      const where = oneIn === undefined ? {} : { where: { [`in${oneIn}`]: true } };
      const { ids } = await collection.query({
        queryEmbeddings: [Array.from(query)],
        nResults: k,
        include: [],
        ...where,
      });
      return ids[0]!.map(Number);
    },
    insert: (id, vector) => add([id], [vector]),
    close: async () => void server?.kill(),
    otherMemoryBytes: async () => {
      const statm = await readFile(`/proc/${server!.pid}/statm`, 'utf8').catch(() => '0 0');
      return Number(statm.split(' ')[1]) * PAGE_BYTES;
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => void probe.listen(0, '127.0.0.1', resolve));
  const address = probe.address();
  await new Promise((resolve) => void probe.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}
