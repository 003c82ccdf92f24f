/**
 * Asks Amazon ECS not to stop this task while it has messages in work: without it, scaling in ends tasks at random.
 * Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
 */

import { type ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import type { Log } from '#shared/core/log.ts';

export interface TaskProtection {
  /** Tells how many messages are in work now. */
  busy(messages: number): void;
  /** Lifts the protection. */
  close(): Promise<void>;
}

export interface TaskProtectionOptions {
  /** What `ECS_AGENT_URI` says; nothing is asked for without it, as outside of ECS. */
  readonly agentUri: string | undefined;
  /** Quiet for this long before the task may be stopped. @default 30 seconds */
  readonly quietMs?: number;
  /** For how long ECS protects without being asked again. @default 30 minutes */
  readonly protectMinutes?: number;
}

const REQUEST_TIMEOUT_MS = 10_000;
const LOOK_MS = 1_000;

export function createTaskProtection(
  { log }: { readonly log: Log },
  { agentUri, quietMs = 30_000, protectMinutes = 30 }: TaskProtectionOptions,
): TaskProtection {
  if (agentUri === undefined) return { busy: () => {}, close: async () => {} };
  const renewMs = (protectMinutes * 60_000) / 3;
  let inWork = 0;
  let busyAtMs = Number.NEGATIVE_INFINITY;
  let protectedAtMs: number | undefined;
  let asking: Promise<void> = Promise.resolve();

  const ask = async (ProtectionEnabled: boolean): Promise<void> => {
    const response = await fetch(new URL('/task-protection/v1/state', agentUri), {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ProtectionEnabled, ...(ProtectionEnabled && { ExpiresInMinutes: protectMinutes }) }),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const answer = await response.text();
    if (!response.ok || /"(failure|error)"/.test(answer)) throw new Error(`${response.status} ${answer}`);
  };
  /** Without protection a task may be stopped at work; its messages then come to another one, so work goes on. */
  const failed = (error: ChiasmError) => log.warn('task_protection.failed', { error });
  const look = () => {
    const nowMs = performance.now();
    if (inWork > 0) busyAtMs = nowMs;
    const wanted = nowMs - busyAtMs < quietMs;
    const due = protectedAtMs === undefined ? wanted : !wanted || nowMs - protectedAtMs > renewMs;
    if (!due) return;
    protectedAtMs = wanted ? nowMs : undefined;
    asking = asking.then(() => ask(wanted)).catch((thrown) => failed(toChiasmError(thrown)));
  };
  const timer = setInterval(look, LOOK_MS).unref();
  return {
    busy: (messages) => {
      const begins = inWork === 0 && messages > 0;
      inWork = messages;
      if (begins) look();
    },
    close: async () => {
      clearInterval(timer);
      await asking;
      if (protectedAtMs !== undefined) await ask(false).catch((thrown) => failed(toChiasmError(thrown)));
    },
  };
}
