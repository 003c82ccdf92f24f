/**
 * Runs one job to its end, in whatever program calls it: the local server or a container started for it. Holds a lease
 * on the record while it works; a job whose owner has died is taken over and goes on from its checkpoint.
 */

import type { Clock } from '#shared/core/clock.ts';
import { ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import type { Log } from '#shared/core/log.ts';
import { extendCurve, isEnded, type Job, type JobMetrics } from './job.ts';
import type { JobKinds } from './job-kind.ts';
import type { JobStore } from './job-store.ts';

export interface RunJobDependencies {
  readonly jobs: JobStore;
  readonly kinds: JobKinds;
  readonly clock: Clock;
  readonly log: Log;
  /** Names this program. One that comes back under the same name takes over its jobs at once. */
  readonly owner: string;
  /** How often the record is written and a wish to cancel is noticed. @default 500 */
  readonly heartbeatMs?: number;
}

/** The last state, or `busy` when another living program works on it. */
export type RunJobOutcome = Job['status'] | 'busy';

/** Heartbeats that may fail before others take the job over. */
const LEASE_HEARTBEATS = 60;
/** A job that ends its process this often will do so again. */
export const MAX_ATTEMPTS = 5;
const ISSUES_KEPT = 100;

/**
 * Resolves when the job has ended, or, once `signal` is aborted, when it waits to be resumed (`queued`).
 * @throws ChiasmError `not_found` without such a job, `conflict` when the job was taken over meanwhile
 */
export async function runJob(deps: RunJobDependencies, jobId: string, signal: AbortSignal): Promise<RunJobOutcome> {
  const { jobs, clock, log } = deps;
  const heartbeatMs = deps.heartbeatMs ?? 500;
  const owned = () => ({ name: deps.owner, leaseUntilMs: clock.now() + heartbeatMs * LEASE_HEARTBEATS });
  const nowIso = () => new Date(clock.now()).toISOString();

  const claimed = await claim(deps, jobId, owned);
  if (claimed === undefined) return 'busy';
  if (isEnded(claimed)) return claimed.status;

  const stop = new AbortController();
  const abort = () => stop.abort();
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  const reports = createReports(claimed.curve.at(-1)?.at ?? 0);
  const beat = () =>
    jobs.update(jobId, (job) => {
      if (job.cancelRequested || job.owner?.name !== deps.owner) stop.abort();
      return job.owner?.name === deps.owner ? reports.applyTo({ ...job, owner: owned() }) : undefined;
    });
  const heart = startHeart(beat, heartbeatMs, (error) => log.warn('job.heartbeat_failed', { jobId, error }));

  const finish = async (result: Partial<Job>) => {
    await heart.stop();
    const job = await jobs.update(jobId, (current) => {
      if (current.owner?.name !== deps.owner) return undefined;
      const { owner: _owner, ...rest } = reports.applyTo(current);
      return { ...rest, ...result };
    });
    if (isEnded(job)) await jobs.removeCheckpoint(jobId);
    log.info('job.left', { jobId, kind: job.kind, status: job.status });
    return job.status;
  };

  try {
    const metrics = await kindOf(deps.kinds, claimed.kind).run(claimed.request, {
      jobId,
      signal: stop.signal,
      report: reports.add,
      loadCheckpoint: () => jobs.loadCheckpoint(jobId),
      saveCheckpoint: (bytes) => jobs.saveCheckpoint(jobId, bytes),
    });
    return await finish({ status: 'succeeded', progress: 1, metrics, endedAt: nowIso() });
  } catch (thrown) {
    const error = toChiasmError(thrown);
    const { cancelRequested } = (await jobs.get(jobId)) ?? {};
    if (stop.signal.aborted && cancelRequested) return await finish({ status: 'cancelled', endedAt: nowIso() });
    if (signal.aborted) return await finish({ status: 'queued', attempts: claimed.attempts - 1 });
    if (error.code === 'internal') log.error('job.fault', { jobId, kind: claimed.kind, error });
    return await finish({ status: 'failed', failure: describeFailure(error), endedAt: nowIso() });
  } finally {
    await heart.stop();
    signal.removeEventListener('abort', abort);
  }
}

/** The job as this program's own; ended when there is nothing to do; undefined when somebody else works on it. */
async function claim(deps: RunJobDependencies, id: string, owned: () => NonNullable<Job['owner']>) {
  let busy = false;
  const job = await deps.jobs.update(id, (current) => {
    const { owner } = current;
    busy = owner !== undefined && owner.name !== deps.owner && owner.leaseUntilMs > deps.clock.now();
    if (busy || isEnded(current)) return undefined;
    const nowIso = new Date(deps.clock.now()).toISOString();
    if (current.cancelRequested) return { ...current, status: 'cancelled', endedAt: nowIso };
    if (current.attempts >= MAX_ATTEMPTS) {
      const message = `the program ended ${MAX_ATTEMPTS} times while it worked on this; look for lack of memory`;
      return { ...current, status: 'failed', failure: { code: 'internal', message }, endedAt: nowIso };
    }
    return {
      ...current,
      status: 'running',
      attempts: current.attempts + 1,
      startedAt: current.startedAt ?? nowIso,
      owner: owned(),
    };
  });
  return busy ? undefined : job;
}

function kindOf(kinds: JobKinds, kind: string) {
  const found = kinds[kind];
  if (found !== undefined) return found;
  throw new ChiasmError('invalid_request', `this program does no jobs of the kind ${kind}; update it`);
}

/** Collects what is reported between two writes of the record. @param lastAt the newest point that the record holds */
function createReports(lastAt: number) {
  let progress: number | undefined;
  let latest: JobMetrics | undefined;
  let at = lastAt;
  let points: { readonly at: number; readonly values: JobMetrics }[] = [];
  return {
    add: (share: number, values: JobMetrics = {}) => {
      progress = Math.min(1, Math.max(0, share));
      const finite = Object.fromEntries(Object.entries(values).filter(([, value]) => Number.isFinite(value)));
      if (Object.keys(finite).length === 0) return;
      at += 1;
      latest = finite;
      points.push({ at, values: finite });
    },
    /** Adds what the state does not hold yet, however often a lost race repeats it. */
    applyTo: (job: Job): Job => {
      const held = job.curve.at(-1)?.at ?? 0;
      points = points.filter((point) => point.at > held);
      return {
        ...job,
        ...(progress === undefined ? {} : { progress }),
        ...(latest === undefined ? {} : { metrics: latest }),
        curve: extendCurve(job.curve, points),
      };
    },
  };
}

/** Beats one after another until stopped. */
function startHeart(beat: () => Promise<unknown>, everyMs: number, onFailure: (error: unknown) => void) {
  let beating: Promise<unknown> = Promise.resolve();
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    beating = beat()
      .catch(onFailure)
      .finally(() => {
        busy = false;
      });
  }, everyMs);
  return {
    stop: async () => {
      clearInterval(timer);
      await beating;
    },
  };
}

function describeFailure(error: ChiasmError): NonNullable<Job['failure']> {
  const { code, message, issues } = error;
  return {
    code,
    message,
    ...(issues.length > 0 ? { issues: issues.slice(0, ISSUES_KEPT).map((i) => ({ ...i })) } : {}),
  };
}
