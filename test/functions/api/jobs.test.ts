/** Jobs over HTTP. */

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { DEFAULT_API_LIMITS } from '#functions/api/app-dependencies.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import { defineJobKind, type JobKinds } from '#shared/jobs/job-kind.ts';
import { bodyOf, createFixture, type Fixture } from './api-fixture.ts';

/** Counts down from `from`, or waits to be cancelled. */
const kinds: JobKinds = {
  count: defineJobKind(z.object({ from: z.int() }), async ({ from }, { report }) => {
    for (let n = from; n > 0; n--) {
      report(1 - n / from, { loss: n });
      await sleep(1);
    }
    return { last: 0 };
  }),
  wait: defineJobKind(z.object({}), async (_, { signal }) => {
    while (!signal.aborted) await sleep(1);
    throw new ChiasmError('cancelled', 'the job was interrupted');
  }),
};

let fixture: Fixture;
beforeAll(async () => {
  fixture = await createFixture({}, kinds);
});
afterAll(() => fixture.close());

/** The events of a stream until it ends. */
async function eventsOf(response: Response) {
  const text = await response.text();
  return text
    .trim()
    .split('\n\n')
    .map((block) => Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2))))
    .map(({ event, data, id }) => ({ event, id: Number(id), data: JSON.parse(data!) }));
}

describe('a job over HTTP', () => {
  it('streams its losses and states until it ends, and the rest to a client that comes back', async () => {
    const { id } = await fixture.deps.jobs.submit('count', { from: 5 });
    const response = await fixture.request(`/v1/jobs/${id}/events`);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const events = await eventsOf(response);
    const points = events.filter(({ event }) => event === 'point');
    expect(points.map(({ data }) => data.values.loss)).toEqual([5, 4, 3, 2, 1]);
    expect(events.at(-1)).toMatchObject({
      event: 'job',
      data: { status: 'succeeded', progress: 1, metrics: { last: 0 } },
    });

    const again = await eventsOf(await fixture.request(`/v1/jobs/${id}/events`, { headers: { 'last-event-id': '3' } }));
    expect(again.filter(({ event }) => event === 'point').map(({ id: at }) => at)).toEqual([4, 5]);
  });

  it('is shown with its curve, and in the list without', async () => {
    const { id } = await fixture.deps.jobs.submit('count', { from: 2 });
    await (await fixture.request(`/v1/jobs/${id}/events`)).text();
    const job = await bodyOf(fixture.request(`/v1/jobs/${id}`));
    expect(job).toMatchObject({ id, kind: 'count', status: 'succeeded', request: { from: 2 } });
    expect(job.curve).toHaveLength(2);
    const { jobs, nextCursor } = await bodyOf(fixture.request('/v1/jobs?limit=1'));
    expect(jobs.map((each: { id: string }) => each.id)).toEqual([id]);
    expect(jobs[0].curve).toBeUndefined();
    const older = await bodyOf(fixture.request(`/v1/jobs?limit=1&cursor=${nextCursor}`));
    expect(older.jobs[0].id < id).toBe(true);
  });

  it('is cancelled by DELETE, forgotten by the next', async () => {
    const { id } = await fixture.deps.jobs.submit('wait', {});
    const cancelled = await fixture.request(`/v1/jobs/${id}`, { method: 'DELETE' });
    expect(cancelled.status).toBe(202);
    const events = await eventsOf(await fixture.request(`/v1/jobs/${id}/events`));
    expect(events.at(-1)!.data.status).toBe('cancelled');
    expect((await fixture.request(`/v1/jobs/${id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await fixture.request(`/v1/jobs/${id}`)).status).toBe(404);
  });

  it('is followed for a limited time in one stream, and goes on', async () => {
    const short = await createFixture({ limits: { ...DEFAULT_API_LIMITS, followMs: 0 } }, kinds);
    const { id } = await short.deps.jobs.submit('wait', {});
    const events = await eventsOf(await short.request(`/v1/jobs/${id}/events`));
    expect(events.map(({ data }) => data.status)).toEqual([expect.stringMatching(/queued|running/)]);
    expect((await bodyOf(short.request(`/v1/jobs/${id}`))).status).toMatch(/queued|running/);
    await short.deps.jobs.cancel(id);
    await short.close();
  });

  it('that nobody knows is a problem, whatever the id', async () => {
    for (const id of ['01JD0000000000000000000000', '..%2Fsecret', 'x']) {
      for (const path of [`/v1/jobs/${id}`, `/v1/jobs/${id}/events`]) {
        expect((await fixture.request(path)).status, path).toBe(404);
      }
    }
  });
});
