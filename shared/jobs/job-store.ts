/** Job records in the state store. Every change is a compare-and-swap: the owner and somebody who cancels both write. */

import { ChiasmError } from '#shared/core/errors.ts';
import { jobKeys } from '#shared/core/state-keys.ts';
import type { ObjectStore } from '#shared/store/object-store.ts';
import { type Job, jobSchema } from './job.ts';

export interface JobStore {
  /** @throws ChiasmError `conflict` when there is a job of this id */
  create(job: Job): Promise<void>;
  get(id: string): Promise<Job | undefined>;
  /** The newest first. */
  ids(): Promise<readonly string[]>;
  /**
   * Applies `change` to the newest state, again after a lost race; it returns the new state, or undefined to leave the
   * job as it is. Resolves with the job as it is then.
   * @throws ChiasmError `not_found` when there is no such job
   */
  update(id: string, change: (job: Job) => Job | undefined): Promise<Job>;
  /** The record and its checkpoint. */
  remove(id: string): Promise<void>;
  loadCheckpoint(id: string): Promise<Uint8Array | undefined>;
  saveCheckpoint(id: string, bytes: Uint8Array): Promise<void>;
  removeCheckpoint(id: string): Promise<void>;
}

/** Two writers lose a few races at most; this many mean that something is wrong. */
const MAX_RACES = 50;
const JOB_ID = /^[0-9A-Z]{26}$/;

export function createJobStore(store: ObjectStore): JobStore {
  const read = async (id: string) => {
    const stored = JOB_ID.test(id) ? await store.get(jobKeys.record(id)) : undefined;
    return stored && { job: parseJob(id, stored.bytes), etag: stored.etag };
  };
  return {
    create: async (job) => {
      const { written } = await store.put(jobKeys.record(job.id), jsonBytes(job), {
        ifAbsent: true,
        contentType: 'application/json',
      });
      if (!written) throw new ChiasmError('conflict', `there is a job ${job.id} already`);
    },
    get: async (id) => (await read(id))?.job,
    ids: async () => {
      const ids: string[] = [];
      for await (const { key } of store.list({ prefix: jobKeys.prefix })) {
        ids.push(key.slice(jobKeys.prefix.length, -'.json'.length));
      }
      return ids.reverse(); // ULIDs sort by time
    },
    update: async (id, change) => {
      for (let race = 0; race < MAX_RACES; race++) {
        const current = await read(id);
        if (current === undefined) throw noSuchJob(id);
        const next = change(current.job);
        if (next === undefined) return current.job;
        const { written } = await store.put(jobKeys.record(id), jsonBytes(next), {
          ifMatch: current.etag,
          contentType: 'application/json',
        });
        if (written) return next;
      }
      throw new ChiasmError('conflict', `the record of job ${id} is written by too many programs`, { retryable: true });
    },
    remove: async (id) => {
      await store.delete(jobKeys.checkpoint(id));
      await store.delete(jobKeys.record(id));
    },
    loadCheckpoint: async (id) => (await store.get(jobKeys.checkpoint(id)))?.bytes,
    saveCheckpoint: async (id, bytes) => void (await store.put(jobKeys.checkpoint(id), bytes)),
    removeCheckpoint: (id) => store.delete(jobKeys.checkpoint(id)),
  };
}

export function noSuchJob(id: string): ChiasmError {
  return new ChiasmError('not_found', `there is no job ${JSON.stringify(id)}`);
}

function jsonBytes(job: Job): Uint8Array {
  return Buffer.from(JSON.stringify(job));
}

function parseJob(id: string, bytes: Uint8Array): Job {
  try {
    return jobSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (cause) {
    throw new ChiasmError('state_corrupt', `the record of job ${id} is damaged; remove ${jobKeys.record(id)}`, {
      cause,
    });
  }
}
