/**
 * An object store that fails at a chosen operation: wrap the real one, run a life cycle once to count its operations, then
 * run it again for every operation and mode, and look at what is left in the inner store.
 */

import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ChiasmError } from '#shared/core/errors.ts';
import type { ObjectInfo, ObjectStore } from '#shared/store/object-store.ts';

export interface FaultPlan {
  /** Operations are numbered from 1; 0 never fails. */
  readonly failAt: number;
  /**
   * `before`: the operation has no effect. `after`: it takes effect and its caller does not learn of it (a lost answer).
   * `torn`: it breaks off in the middle: a read stream or a listing gives its first half; a put, which is atomic, leaves
   * nothing and has read a part of its body; everything else as `before`.
   */
  readonly mode: 'before' | 'after' | 'torn';
  /** The process is gone: every later operation fails without effect, as after a kill. @default false */
  readonly thenDead?: boolean;
}

export type Operation = { readonly name: keyof ObjectStore; readonly key: string };

export interface FaultyObjectStore extends ObjectStore {
  /** How many operations have begun. */
  readonly operationCount: number;
  /** All operations that have begun, in order. */
  readonly operations: readonly Operation[];
  /** True once the planned operation has been reached. */
  readonly failed: boolean;
}

/** What the planned operation throws: a fault, retryable, as when the network drops. */
export class PlannedFault extends ChiasmError {
  constructor(operation: Operation, number: number, plan: FaultPlan) {
    super('storage_unavailable', `planned fault ${plan.mode} operation ${number}: ${operation.name} ${operation.key}`, {
      retryable: true,
    });
  }
}

export function createFaultyObjectStore(inner: ObjectStore, plan: FaultPlan): FaultyObjectStore {
  const operations: Operation[] = [];
  let failed = false;

  /** Counts an operation; returns its fault when it is the planned one, throws when the process is dead. */
  function begin(name: keyof ObjectStore, key: string): PlannedFault | undefined {
    const operation = { name, key };
    operations.push(operation);
    const fault = new PlannedFault(operation, operations.length, plan);
    if (failed && plan.thenDead) throw fault;
    if (operations.length !== plan.failAt) return undefined;
    failed = true;
    return fault;
  }

  async function run<Result>(name: keyof ObjectStore, key: string, work: () => Promise<Result>): Promise<Result> {
    const fault = begin(name, key);
    if (fault === undefined) return work();
    if (plan.mode === 'after') await work();
    throw fault;
  }

  return {
    get operationCount() {
      return operations.length;
    },
    get operations() {
      return operations;
    },
    get failed() {
      return failed;
    },
    get: (key, options) => run('get', key, () => inner.get(key, options)),
    getIfChanged: (key, etag) => run('getIfChanged', key, () => inner.getIfChanged(key, etag)),
    head: (key) => run('head', key, () => inner.head(key)),
    delete: (key) => run('delete', key, () => inner.delete(key)),
    localPath: (key, folder) => run('localPath', key, () => inner.localPath(key, folder)),
    async put(key, body, options) {
      const fault = begin('put', key);
      if (fault === undefined) return inner.put(key, body, options);
      if (plan.mode === 'after') await inner.put(key, body, options);
      else if (plan.mode === 'torn' && !(body instanceof Uint8Array)) await readFirstChunk(body);
      throw fault;
    },
    async stream(key, options) {
      const fault = begin('stream', key);
      const found = await inner.stream(key, options);
      if (fault === undefined) return found;
      if (found === undefined || plan.mode === 'before') {
        found?.body.destroy();
        throw fault;
      }
      return { ...found, body: await breakingOff(found.body, fault) };
    },
    async *list(options) {
      const fault = begin('list', options?.prefix ?? '');
      if (fault === undefined) return yield* inner.list(options);
      if (plan.mode === 'before') throw fault;
      const all: ObjectInfo[] = [];
      for await (const info of inner.list(options)) all.push(info);
      yield* plan.mode === 'after' ? all : all.slice(0, Math.floor(all.length / 2));
      throw fault;
    },
  };
}

/** The first half of a body, then the fault. */
async function breakingOff(body: Readable, fault: Error): Promise<Readable> {
  const bytes = await buffer(body);
  return Readable.from(
    (async function* () {
      yield bytes.subarray(0, Math.floor(bytes.length / 2));
      throw fault;
    })(),
  );
}

async function readFirstChunk(body: Readable): Promise<void> {
  for await (const _chunk of body) break;
}
