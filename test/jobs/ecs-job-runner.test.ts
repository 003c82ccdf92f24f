import { ECSClient } from '@aws-sdk/client-ecs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createEcsJobRunner } from '#shared/jobs/ecs-job-runner.ts';
import { startRecorder } from '../functions/cloud/http-recorder.ts';

const OPTIONS = {
  cluster: 'chiasm-prod',
  taskDefinition: 'chiasm-trainer',
  capacityProvider: 'FARGATE',
  jobIdVariable: 'CHIASM_JOB_ID',
};

async function runner(
  answer: { status: number; body: object },
  options: Partial<typeof OPTIONS & { network: object }> = {},
) {
  const server = await startRecorder(() => answer);
  onTestFinished(server.close);
  const client = new ECSClient({
    endpoint: server.origin,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
  const created = createEcsJobRunner({ ...OPTIONS, ...options } as typeof OPTIONS, client);
  return { runner: created, requests: server.requests };
}

describe('EcsJobRunner', () => {
  it('starts one task that is told the id of its job, however often the request is repeated', async () => {
    const network = { subnets: ['subnet-1', 'subnet-2'], securityGroups: ['sg-1'] };
    const { runner: jobs, requests } = await runner({ status: 200, body: { tasks: [{}], failures: [] } }, { network });
    await jobs.start('01JOB');
    expect(requests[0]!.headers['x-amz-target']).toMatch(/RunTask$/);
    expect(requests[0]!.body).toMatchObject({
      cluster: 'chiasm-prod',
      taskDefinition: 'chiasm-trainer',
      clientToken: '01JOB',
      capacityProviderStrategy: [{ capacityProvider: 'FARGATE' }],
      networkConfiguration: { awsvpcConfiguration: { ...network, assignPublicIp: 'ENABLED' } },
      overrides: {
        containerOverrides: [{ name: 'trainer', environment: [{ name: 'CHIASM_JOB_ID', value: '01JOB' }] }],
      },
    });
  });

  it("leaves the network out for a task that shares its machine's", async () => {
    const { runner: jobs, requests } = await runner({ status: 200, body: { tasks: [{}] } });
    await jobs.start('01JOB');
    expect(requests[0]!.body.networkConfiguration).toBeUndefined();
  });

  it('says why ECS started nothing', async () => {
    const failures = [{ reason: 'RESOURCE:GPU', detail: 'no instance has one left' }];
    const { runner: jobs } = await runner({ status: 200, body: { tasks: [], failures } });
    await expect(jobs.start('01JOB')).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringContaining('RESOURCE:GPU: no instance has one left'),
    });
  });

  it('tells a refusal from a fault that may pass', async () => {
    const refused = await runner({ status: 400, body: { __type: 'ClusterNotFoundException', message: 'no cluster' } });
    await expect(refused.runner.start('01JOB')).rejects.toMatchObject({ retryable: false });
    const failed = await runner({ status: 500, body: { __type: 'ServerException' } });
    await expect(failed.runner.start('01JOB')).rejects.toMatchObject({ retryable: true });
  });
});
