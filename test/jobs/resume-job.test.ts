/** What becomes of a job whose program has ended, however it ended and however often that is told. */

import { describe, expect, it } from 'vitest';
import { createManualClock } from '#shared/core/clock.ts';
import type { Job } from '#shared/jobs/job.ts';
import { createJobStore } from '#shared/jobs/job-store.ts';
import { type EndedRun, resumeJob } from '#shared/jobs/resume-job.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';

const ID = '01JD0000000000000000000000';
const clock = createManualClock();
const lease = (name: string) => ({ name, leaseUntilMs: clock.now() + 60_000 });
const killed: EndedRun = { name: 'task-1', failedToStart: false, orderly: false, reason: 'OutOfMemoryError' };

async function bench(state: Partial<Job>) {
  const jobs = createJobStore(createMemoryObjectStore({ clock }));
  await jobs.create({
    id: ID,
    kind: 'count',
    request: {},
    status: 'running',
    progress: 0,
    curve: [],
    createdAt: new Date(clock.now()).toISOString(),
    attempts: 1,
    ...state,
  });
  const started: unknown[][] = [];
  const runner = { start: async (...what: unknown[]) => void started.push(what) };
  return { resume: (run: EndedRun) => resumeJob({ jobs, runner, clock }, ID, run), started, get: () => jobs.get(ID) };
}

describe('a job whose program has ended', () => {
  it('is given free and started again, without a second count of its attempt', async () => {
    const { resume, started, get } = await bench({ owner: lease('task-1') });
    expect(await resume(killed)).toBe('queued');
    expect(started).toEqual([[ID, 'task-1']]);
    expect(await get()).toMatchObject({ status: 'queued', attempts: 1 });
    expect((await get())!.owner).toBeUndefined();
  });

  it('is left alone while another one works on it', async () => {
    const { resume, started } = await bench({ owner: lease('task-2') });
    expect(await resume(killed)).toBe('running');
    expect(started).toEqual([]);
  });

  it('goes on when the program was told to stop, as often as that happens', async () => {
    const { resume, started, get } = await bench({ status: 'queued', attempts: 0 });
    for (let i = 0; i < 10; i++) expect(await resume({ ...killed, orderly: true })).toBe('queued');
    expect(started).toHaveLength(10);
    expect(await get()).toMatchObject({ attempts: 0 });
  });

  it('fails with the reason when the program cannot be started, or always ends before it begins', async () => {
    const cannot = await bench({ status: 'queued', attempts: 0 });
    expect(await cannot.resume({ ...killed, failedToStart: true, reason: 'CannotPullContainerError' })).toBe('failed');
    expect((await cannot.get())!.failure!.message).toContain('CannotPullContainerError');
    const never = await bench({ status: 'queued', attempts: 0 });
    const outcomes = [];
    for (let i = 0; i < 5; i++) outcomes.push(await never.resume(killed));
    expect(outcomes).toEqual(['queued', 'queued', 'queued', 'queued', 'failed']);
    expect(never.started).toHaveLength(4);
  });

  it('stays ended', async () => {
    const { resume, started } = await bench({ status: 'succeeded' });
    expect(await resume(killed)).toBe('succeeded');
    expect(started).toEqual([]);
  });
});
