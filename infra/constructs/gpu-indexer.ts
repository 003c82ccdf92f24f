/**
 * The GPU lane: a service that has no task while nothing waits, as many as the backlog wants, and none again when it is worked
 * off. A task protects itself from scale-in while it has messages in work.
 */

import { Duration, Stack } from 'aws-cdk-lib';
import {
  AdjustmentType,
  MetricAggregationType,
  ScalableTarget,
  ServiceNamespace,
  StepScalingAction,
} from 'aws-cdk-lib/aws-applicationautoscaling';
import { Alarm, ComparisonOperator, MathExpression, Metric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { ApplicationScalingAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import {
  Cluster,
  Compatibility,
  type ContainerImage,
  CpuArchitecture,
  Ec2Service,
  LogDrivers,
  NetworkMode,
  OperatingSystemFamily,
  PropagatedTagSource,
  TaskDefinition,
} from 'aws-cdk-lib/aws-ecs';
import { PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import type { ILogGroup } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { ANY_OBJECT, acknowledge, acknowledgeWildcards, NO_RESOURCE } from '../acknowledge.ts';
import type { ChiasmData } from '../chiasm-data.ts';
import { grantIndexing } from './grant-indexing.ts';
import type { UploadEvents } from './upload-events.ts';

export interface GpuIndexerProps {
  readonly data: ChiasmData;
  readonly cluster: Cluster;
  readonly capacityProviderName: string;
  readonly image: ContainerImage;
  readonly environment: Record<string, string>;
  readonly logGroup: ILogGroup;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly maxTasks: number;
  /** Waiting messages that start the first task. */
  readonly startAtBacklog: number;
  /** Waiting messages for which one more task is started. */
  readonly backlogPerTask: number;
}

const ONE_MINUTE = Duration.minutes(1);
/** A lull shorter than this keeps the task: starting a machine anew takes about as long. */
const QUIET_MINUTES = 10;

export class GpuIndexer extends Construct {
  readonly service: Ec2Service;

  constructor(scope: Construct, id: string, props: GpuIndexerProps) {
    super(scope, id);
    const { cluster, data } = props;
    const task = new TaskDefinition(this, 'Task', {
      compatibility: Compatibility.EC2_AND_MANAGED_INSTANCES,
      networkMode: NetworkMode.HOST,
      cpu: String(props.vcpus * 1024),
      memoryMiB: String(props.memoryMb),
      runtimePlatform: LINUX_X64,
    });
    task.addContainer('indexer', {
      image: props.image,
      command: ['indexer.mjs'],
      environment: props.environment,
      gpuCount: 1,
      memoryLimitMiB: props.memoryMb,
      readonlyRootFilesystem: false, // the scratch folder of ONNX Runtime and of the index is under /tmp
      stopTimeout: Duration.minutes(2),
      logging: LogDrivers.awsLogs({ streamPrefix: 'gpu', logGroup: props.logGroup }),
      healthCheck: workerHealthCheck(),
    });
    grantIndexing(task.taskRole, data);
    const taskArn = Stack.of(this).formatArn({
      service: 'ecs',
      resource: `task/${cluster.clusterName}`,
      resourceName: '*',
    });
    task.addToTaskRolePolicy(
      new PolicyStatement({ actions: ['ecs:GetTaskProtection', 'ecs:UpdateTaskProtection'], resources: [taskArn] }),
    );
    // the service asks for machines of the older kind unless the cluster is one that it cannot look into
    const reference = Cluster.fromClusterAttributes(this, 'Cluster', {
      clusterName: cluster.clusterName,
      vpc: cluster.vpc,
    });
    this.service = new Ec2Service(this, 'Service', {
      cluster: reference,
      taskDefinition: task,
      desiredCount: 0,
      minHealthyPercent: 0, // a new version waits for the old one's machine instead of starting a second
      maxHealthyPercent: 100,
      circuitBreaker: { rollback: true },
      capacityProviderStrategies: [{ capacityProvider: props.capacityProviderName, weight: 1 }],
      propagateTags: PropagatedTagSource.SERVICE,
      enableECSManagedTags: true,
    });
    this.#scale(props);
    this.service.node.addDependency(cluster); // with its capacity provider
    acknowledgeTask(task);
  }

  #scale({ cluster, data, maxTasks, startAtBacklog, backlogPerTask }: GpuIndexerProps): void {
    const target = new ScalableTarget(this, 'Tasks', {
      serviceNamespace: ServiceNamespace.ECS,
      resourceId: `service/${cluster.clusterName}/${this.service.serviceName}`,
      scalableDimension: 'ecs:service:DesiredCount',
      minCapacity: 0,
      maxCapacity: maxTasks,
      role: scalingRole(this),
    });
    const start = this.#setTasks('Start', target);
    for (let tasks = 1; tasks <= maxTasks; tasks++) {
      start.addAdjustment({
        adjustment: tasks,
        lowerBound: (tasks - 1) * backlogPerTask, // counted from the alarm's threshold
        ...(tasks < maxTasks && { upperBound: tasks * backlogPerTask }),
      });
    }
    const stop = this.#setTasks('Stop', target);
    stop.addAdjustment({ adjustment: 0, upperBound: 0 });
    const waiting = new Alarm(this, 'Waiting', {
      alarmDescription: 'Scaling: enough waits to start GPU tasks',
      metric: wanted(data.uploads),
      threshold: startAtBacklog,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    waiting.addAlarmAction(new ApplicationScalingAction(start));
    const workedOff = new Alarm(this, 'WorkedOff', {
      alarmDescription: 'Scaling: too little waits or is in work to keep GPU tasks',
      metric: backlog(data.uploads.queue),
      threshold: Math.max(1, Math.ceil(startAtBacklog / 4)),
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: QUIET_MINUTES,
      treatMissingData: TreatMissingData.BREACHING, // SQS measures no queue that nobody has touched for hours
    });
    workedOff.addAlarmAction(new ApplicationScalingAction(stop));
  }

  /** Steps that name a number of tasks: applying one twice, as an alarm that stays does, changes nothing. */
  #setTasks(id: string, scalingTarget: ScalableTarget): StepScalingAction {
    return new StepScalingAction(this, id, {
      scalingTarget,
      adjustmentType: AdjustmentType.EXACT_CAPACITY,
      metricAggregationType: MetricAggregationType.MAXIMUM,
      cooldown: ONE_MINUTE,
    });
  }
}

/**
 * Messages that wait, or have just arrived: SQS stops measuring a queue that nobody has touched for six hours and needs up to
 * fifteen minutes to begin again; EventBridge counts from the first one.
 */
function wanted({ queue, arrived }: UploadEvents): MathExpression {
  return new MathExpression({
    expression: 'MAX([FILL(waiting, 0), FILL(arrived, 0)])',
    label: 'waiting or just arrived',
    period: ONE_MINUTE,
    usingMetrics: {
      waiting: queue.metricApproximateNumberOfMessagesVisible({ period: ONE_MINUTE, statistic: 'Maximum' }),
      arrived: new Metric({
        namespace: 'AWS/Events',
        metricName: 'Invocations',
        dimensionsMap: { RuleName: arrived.ruleName },
        period: ONE_MINUTE,
        statistic: 'Sum',
      }),
    },
  });
}

/** Messages that wait or are in work. */
function backlog(queue: Queue): MathExpression {
  const options = { period: ONE_MINUTE, statistic: 'Maximum' };
  return new MathExpression({
    expression: 'waiting + working',
    label: 'waiting or in work',
    period: ONE_MINUTE,
    usingMetrics: {
      waiting: queue.metricApproximateNumberOfMessagesVisible(options),
      working: queue.metricApproximateNumberOfMessagesNotVisible(options),
    },
  });
}

/** A worker touches its heartbeat whenever it asks for messages. Nothing listens, so nothing can be asked over a port. */
function workerHealthCheck() {
  return {
    command: ['CMD-SHELL', 'find /tmp/chiasm-heartbeat -mmin -10 | grep -q .'],
    interval: ONE_MINUTE,
    startPeriod: Duration.minutes(5),
    retries: 3,
  };
}

/** The role that Application Auto Scaling has in every account. */
function scalingRole(scope: Construct) {
  const arn = Stack.of(scope).formatArn({
    service: 'iam',
    region: '',
    resource: 'role/aws-service-role/ecs.application-autoscaling.amazonaws.com',
    resourceName: 'AWSServiceRoleForApplicationAutoScaling_ECSService',
  });
  return Role.fromRoleArn(scope, 'ScalingRole', arn, { mutable: false });
}

export const LINUX_X64 = {
  cpuArchitecture: CpuArchitecture.X86_64,
  operatingSystemFamily: OperatingSystemFamily.LINUX,
};

/** What every task definition here needs to be excused for. */
export function acknowledgeTask(task: TaskDefinition): void {
  acknowledge(task, {
    'AwsSolutions-ECS2': 'names of buckets and queues, no secrets: what is secret comes from the role',
  });
  acknowledgeWildcards(task, [
    NO_RESOURCE('a token for the container registry'),
    { endsWith: ':task/*', reason: 'tasks of this one cluster' },
    ANY_OBJECT,
  ]);
}
