/** Jobs over a real store: what a program that dies, stops or is told to cancel leaves behind, and how work goes on. */

import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createManualClock } from '#shared/core/clock.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { silentLog } from '#shared/core/log.ts';
import { jobKeys } from '#shared/core/state-keys.ts';
import { createUlidGenerator } from '#shared/core/ulid.ts';
import { extendCurve, type Job } from '#shared/jobs/job.ts';
import { defineJobKind, type JobContext, type JobKinds } from '#shared/jobs/job-kind.ts';
import { createJobStore } from '#shared/jobs/job-store.ts';
import { createJobs } from '#shared/jobs/jobs.ts';
import { createLocalJobRunner } from '#shared/jobs/local-job-runner.ts';
import { type RunJobDependencies, runJob } from '#shared/jobs/run-job.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';

const never = new AbortController().signal;

/** Counts to `to` with a checkpoint at each number; `hook` may throw, wait or abort. */
function counting(hook: (n: number, context: JobContext) => Promise<void> | void = () => {}): JobKinds {
  const begun: number[] = [];
  return {
    count: defineJobKind(z.object({ to: z.int().default(3) }), async ({ to }, context) => {
      const saved = await context.loadCheckpoint();
      let n = saved?.[0] ?? 0;
      begun.push(n);
      for (; n < to; n++) {
        if (context.signal.aborted) throw new ChiasmError('cancelled', 'the job was interrupted');
        await context.saveCheckpoint(Uint8Array.of(n));
        context.report(n / to, { loss: to - n });
        await hook(n, context);
      }
      return { begunAt: begun.at(-1)!, counted: n };
    }),
  };
}

function createBench(kinds: JobKinds = counting()) {
  const clock = createManualClock();
  const store = createMemoryObjectStore({ clock });
  const jobs = createJobStore(store);
  const api = createJobs({
    jobs,
    kinds,
    runner: { start: async () => {} },
    clock,
    nextId: createUlidGenerator(clock),
  });
  const deps = (owner: string, table = kinds): RunJobDependencies => ({
    jobs,
    kinds: table,
    clock,
    log: silentLog,
    owner,
    heartbeatMs: 5,
  });
  return { clock, store, jobs, api, deps };
}

let bench: ReturnType<typeof createBench>;
beforeEach(() => {
  bench = createBench();
});

describe('a job', () => {
  it('ends with its results and the curve of what was reported', async () => {
    const { id } = await bench.api.submit('count', {});
    expect(await runJob(bench.deps('a'), id, never)).toBe('succeeded');
    const job = await bench.jobs.get(id);
    expect(job).toMatchObject({ status: 'succeeded', progress: 1, metrics: { counted: 3 }, attempts: 1 });
    expect(job!.curve.map(({ at, values }) => [at, values.loss])).toEqual([
      [1, 3],
      [2, 2],
      [3, 1],
    ]);
    expect(job!.owner).toBeUndefined();
    expect(await bench.store.get(jobKeys.checkpoint(id))).toBeUndefined();
  });

  it('is refused before anything is stored when the request does not fit its kind', async () => {
    await expect(bench.api.submit('count', { to: 'three' })).rejects.toMatchObject({
      code: 'invalid_request',
      issues: [{ path: '/to' }],
    });
    await expect(bench.api.submit('conquer', {})).rejects.toMatchObject({ code: 'invalid_request' });
    expect(await bench.jobs.ids()).toEqual([]);
  });

  it('is not left behind when it cannot be started', async () => {
    const { jobs, clock } = bench;
    const runner = {
      start: () => Promise.reject(new ChiasmError('storage_unavailable', 'no container can be started')),
    };
    const api = createJobs({ jobs, kinds: counting(), runner, clock, nextId: createUlidGenerator(clock) });
    await expect(api.submit('count', {})).rejects.toThrow('no container');
    expect(await jobs.ids()).toEqual([]);
  });

  it('that fails says why, with every place', async () => {
    bench = createBench(
      counting(() => {
        throw new ChiasmError('invalid_request', 'two rows are wrong', {
          issues: [{ path: 'line 2', message: 'no labels' }],
        });
      }),
    );
    const { id } = await bench.api.submit('count', {});
    expect(await runJob(bench.deps('a'), id, never)).toBe('failed');
    expect((await bench.jobs.get(id))!.failure).toEqual({
      code: 'invalid_request',
      message: 'two rows are wrong',
      issues: [{ path: 'line 2', message: 'no labels' }],
    });
  });

  it('that waits is cancelled at once, and never runs', async () => {
    const { id } = await bench.api.submit('count', {});
    expect((await bench.api.cancel(id)).status).toBe('cancelled');
    expect(await runJob(bench.deps('a'), id, never)).toBe('cancelled');
    expect((await bench.jobs.get(id))!.attempts).toBe(0);
  });

  it('that runs is cancelled when its owner notices', async () => {
    const until = Promise.withResolvers<void>();
    bench = createBench(
      counting(async (_n, { signal }) => {
        until.resolve();
        while (!signal.aborted) await sleep(1);
      }),
    );
    const { id } = await bench.api.submit('count', {});
    const run = runJob(bench.deps('a'), id, never);
    await until.promise;
    expect(await bench.api.cancel(id)).toMatchObject({ status: 'running', cancelRequested: true });
    expect(await run).toBe('cancelled');
    expect((await bench.api.cancel(id)).status).toBe('cancelled'); // once more is harmless
    await bench.api.remove(id);
    expect(await bench.api.get(id)).toBeUndefined();
    await expect(bench.api.cancel(id)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('that is interrupted waits, and goes on from its checkpoint', async () => {
    const stop = new AbortController();
    const kinds = counting((n) => {
      if (n === 1) stop.abort();
    });
    bench = createBench(kinds);
    const { id } = await bench.api.submit('count', {});
    expect(await runJob(bench.deps('a'), id, stop.signal)).toBe('queued');
    expect(await bench.jobs.get(id)).toMatchObject({ status: 'queued', attempts: 0 });
    expect(await runJob(bench.deps('b'), id, never)).toBe('succeeded');
    expect(await bench.jobs.get(id)).toMatchObject({ metrics: { begunAt: 1, counted: 3 } });
  });

  it('of a dead owner is taken over when its lease has run out, at once under the same name', async () => {
    const { id } = await bench.api.submit('count', {});
    const dead = (name: string) =>
      bench.jobs.update(id, (job) => ({
        ...job,
        status: 'running',
        attempts: 1,
        owner: { name, leaseUntilMs: bench.clock.now() + 1_000 },
      }));
    await dead('a');
    await bench.jobs.saveCheckpoint(id, Uint8Array.of(2));
    expect(await runJob(bench.deps('b'), id, never)).toBe('busy');
    bench.clock.advance(1_001);
    expect(await runJob(bench.deps('b'), id, never)).toBe('succeeded');
    expect(await bench.jobs.get(id)).toMatchObject({ attempts: 2, metrics: { begunAt: 2 } });

    const second = await bench.api.submit('count', {});
    await bench.jobs.update(second.id, (job) => ({
      ...job,
      status: 'running',
      owner: { name: 'a', leaseUntilMs: bench.clock.now() + 1_000 },
    }));
    expect(await runJob(bench.deps('a'), second.id, never)).toBe('succeeded');
  });

  it('that ends its process again and again is given up', async () => {
    const { id } = await bench.api.submit('count', {});
    await bench.jobs.update(id, (job) => ({ ...job, status: 'running', attempts: 5 }));
    expect(await runJob(bench.deps('a'), id, never)).toBe('failed');
    expect((await bench.jobs.get(id))!.failure!.message).toMatch(/ended 5 times/);
  });

  it('loses no change of two writers', async () => {
    const { id } = await bench.api.submit('count', {});
    const add = () => bench.jobs.update(id, (job) => ({ ...job, attempts: job.attempts + 1 }));
    await Promise.all(Array.from({ length: 20 }, add));
    expect((await bench.jobs.get(id))!.attempts).toBe(20);
  });

  it('with a damaged record is named, and the others are listed by time', async () => {
    const first = await bench.api.submit('count', {});
    bench.clock.advance(10);
    const second = await bench.api.submit('count', {});
    expect((await bench.api.list({ limit: 5 })).map(({ id }) => id)).toEqual([second.id, first.id]);
    expect((await bench.api.list({ limit: 5, before: second.id })).map(({ id }) => id)).toEqual([first.id]);
    await bench.store.put(jobKeys.record(first.id), Buffer.from('{"id":'));
    await expect(bench.jobs.get(first.id)).rejects.toMatchObject({ code: 'state_corrupt' });
  });
});

describe('the runner of this process', () => {
  it('works on one job after another, and resumes what an earlier process left', async () => {
    let running = 0;
    let most = 0;
    const kinds = counting(async () => {
      running += 1;
      most = Math.max(most, running);
      await sleep(1);
      running -= 1;
    });
    bench = createBench(kinds);
    const ids = [await bench.api.submit('count', {}), await bench.api.submit('count', {})].map(({ id }) => id);
    await bench.jobs.update(ids[0]!, (job) => ({
      ...job,
      status: 'running',
      owner: { name: 'local', leaseUntilMs: bench.clock.now() + 60_000 },
    }));
    const runner = createLocalJobRunner(bench.deps('local'));
    await runner.resume();
    while ((await Promise.all(ids.map((id) => bench.jobs.get(id)))).some((job) => job!.status !== 'succeeded')) {
      await sleep(2);
    }
    expect(most).toBe(1);
    await runner.close();
  });

  it('leaves the job it works on waiting when it closes', async () => {
    const begun = Promise.withResolvers<void>();
    bench = createBench(
      counting(async (_n, { signal }) => {
        begun.resolve();
        while (!signal.aborted) await sleep(1);
      }),
    );
    const runner = createLocalJobRunner(bench.deps('local'));
    const [first, second] = [await bench.api.submit('count', {}), await bench.api.submit('count', {})];
    await runner.start(first.id);
    await runner.start(second.id);
    await begun.promise;
    await runner.close();
    const states: (Job | undefined)[] = [await bench.jobs.get(first.id), await bench.jobs.get(second.id)];
    expect(states.map((job) => job!.status)).toEqual(['queued', 'queued']);
  });
});

describe('a curve', () => {
  it('stays within its limit, in order, with its newest point', () => {
    let curve: Job['curve'] = [];
    for (let at = 1; at <= 5_000; at++) curve = extendCurve(curve, [{ at, values: { loss: 1 / at } }]);
    expect(curve.length).toBeLessThanOrEqual(400);
    expect(curve.length).toBeGreaterThan(150);
    expect(curve.at(-1)!.at).toBe(5_000);
    expect(curve.every(({ at }, i) => i === 0 || at > curve[i - 1]!.at)).toBe(true);
  });
});
