/**
 * Brings back in step what lost events and dead machines have left: on a schedule, and after each deployment, it compares the
 * bucket with the index; when the task of a job has ended before the job it starts another, which goes on from the checkpoint.
 */

import type { Context } from 'aws-lambda';
import { z } from 'zod';
import { METRIC } from '#functions/metric-names.ts';
import { queueLostChanges } from '#shared/ingest/queue-lost-changes.ts';
import { type EndedRun, resumeJob } from '#shared/jobs/resume-job.ts';
import { composeCaretaker } from './compose.ts';
import { readEnvironment } from './env.ts';

/** Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html */
const taskStoppedSchema = z.object({
  source: z.literal('aws.ecs'),
  'detail-type': z.literal('ECS Task State Change'),
  detail: z.object({
    lastStatus: z.literal('STOPPED'),
    taskArn: z.string(),
    /** The job's id; whoever else starts a task of this kind says something else. */
    startedBy: z.string().default(''),
    stopCode: z.string().default(''),
    stoppedReason: z.string().default('no reason was given'),
    containers: z.array(z.object({ exitCode: z.number().optional() })).default([]),
  }),
});

const eventSchema = z.union([
  taskStoppedSchema,
  z.object({ source: z.literal('chiasm.schedule') }),
  /** The indexers of this version have taken over: what others did last may be in the space of another model. */
  z.object({ source: z.literal('chiasm.deployed') }),
]);

/** Kept at the end of an invocation. */
const ENDING_MS = 10_000;
/** With so many waiting, what the index lacks is most likely among them. */
const BUSY_MESSAGES = 1_000;

const environment = readEnvironment();
const caretaker = await composeCaretaker(environment);
const { queue, jobs, runner, clock, log, metrics } = caretaker;

export async function handler(event: unknown, context: Context): Promise<object> {
  const asked = eventSchema.parse(event);
  if (asked.source === 'aws.ecs') return resume(asked.detail);
  const signal = AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - ENDING_MS));
  return reconcileBucket(asked.source, signal);
}

async function resume(task: z.output<typeof taskStoppedSchema>['detail']): Promise<object> {
  const run: EndedRun = {
    name: task.taskArn,
    failedToStart: task.stopCode === 'TaskFailedToStart',
    orderly: task.containers.length > 0 && task.containers.every(({ exitCode }) => exitCode === 0),
    reason: task.stoppedReason,
  };
  const status = await resumeJob({ jobs, runner, clock }, task.startedBy, run);
  log.info('job.run_ended', { jobId: task.startedBy, task: task.taskArn, reason: run.reason, status });
  return { status };
}

async function reconcileBucket(because: 'chiasm.schedule' | 'chiasm.deployed', signal: AbortSignal): Promise<object> {
  const { waiting, inFlight } = await queue.depth();
  const busy = waiting + inFlight > BUSY_MESSAGES;
  if (busy && because === 'chiasm.schedule') {
    log.info('reconcile.postponed', { waiting, inFlight });
    return { postponed: waiting + inFlight };
  }
  const index = await caretaker.openIndex();
  if (index === undefined) {
    log.info('reconcile.postponed', { reason: 'nothing was indexed yet; the import brings a bucket in' });
    return { postponed: 0 };
  }
  try {
    const options = { atMost: environment.CHIASM_RECONCILE_AT_MOST, signal };
    const { found, ended } = await queueLostChanges({ ...caretaker, index }, options);
    if (ended !== undefined) log.warn('reconcile.incomplete', { ...found, ended });
    metrics.put('reconcile.finished', {
      [METRIC.lostChanges]: [found.put + found.delete, 'Count'],
      [METRIC.reconcileIncomplete]: [ended === undefined || busy ? 0 : 1, 'Count'], // of a busy queue it says nothing
    });
    return { ...found, ...(ended && { ended }) };
  } finally {
    await index.close();
  }
}
