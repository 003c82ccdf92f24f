/** What works: both lanes of the indexer, compactor, trainer, caretaker and the import of whole buckets. Idle, none of it runs. */

import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Cluster, ContainerInsights } from 'aws-cdk-lib/aws-ecs';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import { acknowledge } from '../acknowledge.ts';
import type { ChiasmData } from '../chiasm-data.ts';
import { BucketImport } from '../constructs/bucket-import.ts';
import { Caretaker } from '../constructs/caretaker.ts';
import { Compactor } from '../constructs/compactor.ts';
import { GpuCapacity } from '../constructs/gpu-capacity.ts';
import { GpuIndexer } from '../constructs/gpu-indexer.ts';
import { ModelChange } from '../constructs/model-change.ts';
import { SmallLane } from '../constructs/small-lane.ts';
import { Trainer } from '../constructs/trainer.ts';
import { WorkerAlarms } from '../constructs/worker-alarms.ts';
import { WorkerNetwork } from '../constructs/worker-network.ts';
import { buildPrices } from '../costs/build-prices.ts';
import { programEnvironment } from '../program-environment.ts';
import { lambdaImage, workerImage } from '../program-image.ts';
import type { StageSettings } from '../stage-settings.ts';

export interface WorkersStackProps extends StackProps {
  readonly settings: StageSettings;
  readonly data: ChiasmData;
}

/** Memory of a training task for each of its processors, as Fargate offers it. */
const TRAINER_MB_PER_VCPU = 4_096;

export class WorkersStack extends Stack {
  readonly smallLane: SmallLane | undefined;
  readonly gpuIndexer: GpuIndexer | undefined;
  readonly compactor: Compactor;
  readonly trainer: Trainer;
  readonly caretaker: Caretaker;
  readonly bucketImport: BucketImport;

  constructor(scope: Construct, id: string, { settings, data, ...props }: WorkersStackProps) {
    super(scope, id, { description: 'Chiasm: indexers, compactor, trainer', ...props });
    const { smallLane, gpu, compaction, operations } = settings;
    const logGroup = new LogGroup(this, 'Logs', {
      retention: operations.logDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const environment = programEnvironment(settings, data);
    const { tracing } = operations;
    const common = { data, environment, logGroup, tracing };

    if (smallLane.concurrency > 0) {
      this.smallLane = new SmallLane(this, 'SmallLane', {
        ...common,
        ...smallLane,
        listens: settings.speech !== undefined,
        code: lambdaImage(settings, 'small-lane'),
      });
    }
    this.compactor = new Compactor(this, 'Compactor', {
      ...common,
      ...compaction,
      every: Duration.minutes(compaction.everyMinutes),
      code: lambdaImage(settings, 'compactor'),
    });

    const { vpc, securityGroup } = new WorkerNetwork(this, 'Network', { flowLogs: logGroup });
    const cluster = new Cluster(this, 'Cluster', { vpc, containerInsightsV2: ContainerInsights.DISABLED });
    acknowledge(cluster, {
      'AwsSolutions-ECS4': 'its metrics are billed by the hour; what alarms need is in the free ones and in our own',
    });
    const machine = { cluster, vpc, securityGroup };
    const onGpu = { ...environment, [ENVIRONMENT.device]: 'cuda' };
    const startAtBacklog = smallLane.concurrency === 0 ? 1 : gpu.startAtBacklog;
    const provider = gpu.maxTasks > 0 ? new GpuCapacity(this, 'Gpu', { ...machine, ...gpu }) : undefined;
    if (provider) {
      this.gpuIndexer = new GpuIndexer(this, 'GpuIndexer', {
        ...gpu,
        data,
        logGroup,
        cluster,
        capacityProviderName: provider.capacityProviderName,
        image: workerImage(settings, 'worker-cuda'),
        environment: onGpu,
        startAtBacklog,
      });
    }
    const onGpuMachine = settings.trainer.hardware === 'gpu';
    const target = onGpuMachine ? 'worker-cuda' : 'worker';
    const task = {
      data,
      logGroup,
      environment: onGpuMachine ? onGpu : environment,
      machine: {
        ...machine,
        vcpus: onGpuMachine ? gpu.vcpus : settings.trainer.vcpus,
        memoryMb: onGpuMachine ? gpu.memoryMb : settings.trainer.vcpus * TRAINER_MB_PER_VCPU,
        gpuCapacityProviderName: onGpuMachine ? provider?.capacityProviderName : undefined,
      },
    };
    this.trainer = new Trainer(this, 'Trainer', { ...task, image: workerImage(settings, target) });
    if (settings.nextModel !== undefined) {
      const { stateMachine } = new ModelChange(this, 'ModelChange', {
        ...task,
        tracing,
        image: workerImage({ ...settings, model: settings.nextModel }, target),
        prices: buildPrices(task.machine),
      });
      new CfnOutput(this, 'ModelChangeStateMachine', {
        value: stateMachine.stateMachineArn,
        description: `Start it to build the space of ${settings.nextModel}`,
      });
    }
    this.caretaker = new Caretaker(this, 'Caretaker', {
      ...common,
      ...settings.reconcile,
      memoryMb: compaction.memoryMb, // it reads what the compactor writes
      diskMb: compaction.diskMb,
      trainer: this.trainer,
      code: lambdaImage(settings, 'caretaker'),
    });

    const { media, state: results } = data.storage;
    const { queue } = data.uploads;
    this.bucketImport = new BucketImport(this, 'Import', { media, results, queue, logGroup, tracing, key: data.key });
    new WorkerAlarms(this, 'Alarms', {
      data,
      stage: settings.stage,
      compactor: this.compactor.function,
      caretaker: this.caretaker.function,
      smallLane: this.smallLane?.function,
      gpuService: this.gpuIndexer?.service,
      bucketImport: this.bucketImport.stateMachine,
      oldestMessage: Duration.minutes(operations.oldestMessageMinutes),
      gpuHours: operations.gpuHours,
    });
    new CfnOutput(this, 'ImportStateMachine', {
      value: this.bucketImport.stateMachine.stateMachineArn,
      description: 'Start it to queue every object of the media bucket',
    });
    new CfnOutput(this, 'CompactorFunction', { value: this.compactor.function.functionName });
    new CfnOutput(this, 'CaretakerFunction', { value: this.caretaker.function.functionName });
    if (this.gpuIndexer) new CfnOutput(this, 'GpuService', { value: this.gpuIndexer.service.serviceName });
    new CfnOutput(this, 'ClusterName', { value: cluster.clusterName });
    new CfnOutput(this, 'WorkerLogs', { value: logGroup.logGroupName });
  }
}
