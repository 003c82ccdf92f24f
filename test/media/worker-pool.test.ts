import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { createWorkerPool } from '#shared/media/worker-pool.ts';

/** Replies with its thread's number after `ms`; `'throw'`, `'exit'` and `'spin'` do just that. */
const PROGRAM = `
  const { parentPort, threadId } = require('node:worker_threads');
  parentPort.on('message', (request) => {
    if (request === 'throw') throw new Error('broken');
    if (request === 'exit') process.exit(3);
    if (request === 'spin') for (;;);
    setTimeout(() => parentPort.postMessage(threadId), request);
  });
`;

const pool = (size: number, timeoutMs = 30_000, patient = false) =>
  createWorkerPool<number | string, number>(() => new Worker(PROGRAM, { eval: true }), { size, timeoutMs, patient });

describe('createWorkerPool', () => {
  it('answers every request with no more workers than its size', async () => {
    const { run } = pool(2);
    const threads = await Promise.all(Array.from({ length: 10 }, () => run(5)));
    expect(new Set(threads).size).toBeLessThanOrEqual(2);
  });

  it('uses a worker again', async () => {
    const { run } = pool(1);
    expect(await run(0)).toBe(await run(0));
  });

  it.each(['throw', 'exit'])('replaces a worker that ends by "%s"', async (request) => {
    const { run } = pool(1);
    const [failed, next] = await Promise.allSettled([run(request), run(0)]);
    expect(failed).toMatchObject({ status: 'rejected', reason: { code: 'internal' } });
    expect(next.status).toBe('fulfilled');
  });

  it('gives up a request that takes too long, and goes on with the next', async () => {
    const { run } = pool(1, 2000);
    await run(0);
    const [failed, next] = await Promise.allSettled([run('spin'), run(0)]);
    expect(failed).toMatchObject({ status: 'rejected', reason: { code: 'too_large' } });
    expect(next.status).toBe('fulfilled');
  });

  it('once closed, fails what waits and what is asked then', async () => {
    const { run, close } = pool(1);
    const asked = [run('spin'), run(0)];
    await close();
    for (const { status } of await Promise.allSettled([...asked, run(0)])) expect(status).toBe('rejected');
  });

  it('closed patiently, answers what it is at, and fails what waits', async () => {
    const { run, close } = pool(1, 30_000, true);
    await run(0);
    const asked = Promise.allSettled([run(300), run(0)]);
    await new Promise(setImmediate);
    await close();
    expect((await asked).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  describe('patient, with a request that takes too long', () => {
    /** Beginnings and ends of threads, in order. */
    const watched = (timeoutMs: number) => {
      const workers: Worker[] = [];
      const ended: number[] = [];
      const startWorker = () => {
        const worker = new Worker(PROGRAM, { eval: true });
        const { threadId } = worker;
        workers.push(worker.once('exit', () => ended.push(threadId)));
        return worker;
      };
      return {
        ended,
        ...createWorkerPool<number | string, number>(startWorker, { size: 1, timeoutMs, patient: true }),
      };
    };

    it('fails it at once, and answers the next by another worker once the late one is done', async () => {
      const { run, ended, close } = watched(1_000);
      const late = await run(0);
      await expect(run(2_000)).rejects.toMatchObject({ code: 'too_large' });
      expect(ended).toEqual([]);
      expect(await run(0)).not.toBe(late);
      expect(ended).toEqual([late]);
      await close();
    });

    it('closes when the late worker is done', async () => {
      const { run, ended, close } = watched(1_000);
      await run(0);
      await expect(run(1_500)).rejects.toMatchObject({ code: 'too_large' });
      const closingMs = performance.now();
      await close();
      expect(ended).toHaveLength(1);
      expect(performance.now() - closingMs).toBeGreaterThan(200);
    });
  });
});
