/**
 * Amazon ECS for tests, by its JSON protocol, as far as running a task goes: `RunTask` with its client token, the metadata
 * endpoint that tells a task who it is, and the event that EventBridge sends when a task has stopped.
 * Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html
 */

import type { CloudProgram } from './cloud-harness.ts';
import { type RecordedRequest, startRecorder } from './http-recorder.ts';

export interface EcsTask {
  readonly arn: string;
  readonly startedBy: string;
  readonly program: CloudProgram;
}

export interface EcsServer {
  /** For the environment of programs that start tasks. */
  readonly variables: Readonly<Record<string, string>>;
  readonly tasks: readonly EcsTask[];
  /** The event about a task that has ended. */
  stoppedEvent(task: EcsTask): Promise<object>;
  close(): void;
}

const ARN = 'arn:aws:ecs:eu-central-1:111122223333:task/chiasm';

/** @param run starts the program of a task with the variables that the request overrides, and those that ECS adds */
export async function startEcsServer(
  run: (variables: Readonly<Record<string, string>>) => CloudProgram,
): Promise<EcsServer> {
  const tasks: EcsTask[] = [];
  const byToken = new Map<string, EcsTask>();
  const server = await startRecorder((request) => {
    if (request.method === 'GET') {
      return { status: 200, body: { TaskARN: `${ARN}/${request.path.split('/')[2]}` } };
    }
    if (request.headers['x-amz-target'] !== 'AmazonEC2ContainerServiceV20141113.RunTask') {
      return { status: 400, body: { __type: 'InvalidAction' } };
    }
    const { arn } = byToken.get(request.body.clientToken) ?? start(request);
    return { status: 200, body: { tasks: [{ taskArn: arn, lastStatus: 'PROVISIONING' }], failures: [] } };
  });

  function start({ body }: RecordedRequest): EcsTask {
    const id = String(tasks.length + 1).padStart(32, '0');
    const [container] = body.overrides.containerOverrides;
    const overridden = container.environment.map(({ name, value }: Record<string, string>) => [name, value]);
    const program = run({
      ...Object.fromEntries(overridden),
      ECS_CONTAINER_METADATA_URI_V4: `${server.origin}/v4/${id}`,
    });
    const task = { arn: `${ARN}/${id}`, startedBy: body.startedBy, program };
    tasks.push(task);
    byToken.set(body.clientToken, task);
    return task;
  }

  return {
    variables: {
      AWS_ENDPOINT_URL_ECS: server.origin,
      CHIASM_CLUSTER: 'chiasm',
      CHIASM_TRAINER_TASK_DEFINITION: 'chiasm-trainer',
    },
    tasks,
    stoppedEvent: async ({ arn, startedBy, program }) => {
      const ended = await program.ended;
      return {
        version: '0',
        source: 'aws.ecs',
        'detail-type': 'ECS Task State Change',
        detail: {
          clusterArn: 'arn:aws:ecs:eu-central-1:111122223333:cluster/chiasm',
          taskArn: arn,
          group: 'family:chiasm-trainer',
          startedBy,
          lastStatus: 'STOPPED',
          desiredStatus: 'STOPPED',
          stopCode: 'EssentialContainerExited',
          stoppedReason: 'Essential container in task exited',
          containers: [{ name: 'trainer', lastStatus: 'STOPPED', exitCode: typeof ended === 'number' ? ended : 137 }],
        },
      };
    },
    close: server.close,
  };
}
