import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { countInWork } from '#functions/indexer/in-work.ts';
import { createTaskProtection } from '#functions/indexer/task-protection.ts';
import { createLog, silentLog } from '#shared/core/log.ts';
import { createMemoryQueue } from '#shared/queue/memory-queue.ts';
import { startRecorder } from '../cloud/http-recorder.ts';

async function agent(body: object = { protection: { ProtectionEnabled: true } }) {
  const server = await startRecorder(() => ({ status: 200, body }));
  onTestFinished(server.close);
  return server;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

describe('the protection of a task', () => {
  it('is asked for when work begins and lifted when it has been quiet', async () => {
    const { requests, origin } = await agent();
    const protection = createTaskProtection({ log: silentLog }, { agentUri: origin, quietMs: 500 });
    protection.busy(3);
    protection.busy(2);
    await until(() => requests.length === 1);
    expect(requests[0]).toMatchObject({ method: 'PUT', path: '/task-protection/v1/state' });
    expect(requests[0]!.body).toEqual({ ProtectionEnabled: true, ExpiresInMinutes: 30 });
    await sleep(1_200);
    expect(requests).toHaveLength(1); // still at work
    protection.busy(0);
    await until(() => requests.length === 2);
    expect(requests[1]!.body).toEqual({ ProtectionEnabled: false });
    await protection.close();
    expect(requests).toHaveLength(2);
  });

  it('is renewed while work goes on, and lifted at the end', async () => {
    const { requests, origin } = await agent();
    const protection = createTaskProtection({ log: silentLog }, { agentUri: origin, protectMinutes: 0.03 });
    protection.busy(1);
    await until(() => requests.length === 3);
    await protection.close();
    expect(requests.at(-1)!.body).toEqual({ ProtectionEnabled: false });
  });

  it('does not stop the work when ECS refuses it', async () => {
    const { origin } = await agent({ failure: { Reason: 'DEPLOYMENT_BLOCKED' } });
    const logged: string[] = [];
    const log = createLog((_level, event) => logged.push(event));
    const protection = createTaskProtection({ log }, { agentUri: origin });
    protection.busy(1);
    await until(() => logged.includes('task_protection.failed'));
    await protection.close();
  });

  it('is nobody to ask for outside of ECS', async () => {
    const protection = createTaskProtection({ log: silentLog }, { agentUri: undefined });
    protection.busy(1);
    await protection.close();
  });
});

describe('messages in work', () => {
  it('are those received and neither acknowledged nor retried', async () => {
    const counts: number[] = [];
    const queue = createMemoryQueue<string>();
    const counted = countInWork(queue, (messages) => counts.push(messages));
    await queue.send(['a', 'b']);
    const [first, second] = await counted.receive({ limit: 2, waitMs: 0 });
    await first!.acknowledge();
    await first!.acknowledge();
    await second!.retry('again', 1_000);
    await counted.receive({ limit: 2, waitMs: 0 });
    expect(counts).toEqual([2, 1, 0, 0]);
  });
});
