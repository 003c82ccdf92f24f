/** What a person must know of the way from an upload to the index. */

import { Duration } from 'aws-cdk-lib';
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Ec2Service } from 'aws-cdk-lib/aws-ecs';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { ChiasmData } from '../chiasm-data.ts';
import { ownMetric } from '../own-metric.ts';
import { FIVE_MINUTES, RunbookAlarm } from './runbook-alarm.ts';

export interface WorkerAlarmsProps {
  readonly data: ChiasmData;
  readonly stage: string;
  readonly compactor: IFunction;
  readonly caretaker: IFunction;
  readonly smallLane?: IFunction | undefined;
  readonly gpuService?: Ec2Service | undefined;
  readonly bucketImport: StateMachine;
  /** Age of the oldest message that is too much. */
  readonly oldestMessage: Duration;
  /** Hours without a pause after which a GPU is worth a look. */
  readonly gpuHours: number;
}

/** Above it the files are hardly to blame one by one. */
const FAILED_FILES = 100;

export class WorkerAlarms extends Construct {
  constructor(scope: Construct, id: string, props: WorkerAlarmsProps) {
    super(scope, id);
    const { data, stage, compactor, caretaker, smallLane, gpuService, bucketImport } = props;
    const { queue, deadLetters } = data.uploads;
    const topic = data.alarmTopic;
    const period = FIVE_MINUTES;
    new RunbookAlarm(this, 'WorkWaits', {
      topic,
      says: `An upload has waited for more than ${props.oldestMessage.toMinutes()} minutes.`,
      section: 'work-waits',
      metric: queue.metricApproximateAgeOfOldestMessage({ period, statistic: Stats.MAXIMUM }),
      above: props.oldestMessage.toSeconds(),
      periods: 2,
    });
    new RunbookAlarm(this, 'DeadLetters', {
      topic,
      says: 'There are messages that could not be worked on.',
      section: 'dead-letters',
      metric: deadLetters.metricApproximateNumberOfMessagesVisible({ period, statistic: Stats.MAXIMUM }),
    });
    new RunbookAlarm(this, 'CompactorFails', {
      topic,
      says: 'The compactor has failed twice within an hour or so.',
      section: 'compactor-fails',
      metric: compactor.metricErrors({ period: Duration.hours(2) }),
      above: 1,
    });
    new RunbookAlarm(this, 'FilesFail', {
      topic,
      says: `More than ${FAILED_FILES} files within an hour could not be indexed.`,
      section: 'files-fail',
      metric: ownMetric(stage, 'failedItems', { period: Duration.hours(1), statistic: Stats.SUM }),
      above: FAILED_FILES,
    });
    new RunbookAlarm(this, 'CaretakerFails', {
      topic,
      says: 'The caretaker fails: lost events are not found, interrupted jobs do not go on.',
      section: 'caretaker-fails',
      metric: caretaker.metricErrors({ period: Duration.hours(6) }),
      above: 2, // an event is tried three times
    });
    new RunbookAlarm(this, 'IndexDrifts', {
      topic,
      says: 'The bucket and the index differ by more than one reconcile may queue, or has time to find.',
      section: 'index-drifts',
      metric: ownMetric(stage, 'reconcileIncomplete', { period, statistic: Stats.MAXIMUM }),
    });
    if (smallLane) {
      new RunbookAlarm(this, 'SmallLaneFails', {
        topic,
        says: 'The small lane keeps failing.',
        section: 'small-lane-fails',
        metric: smallLane.metricErrors({ period }),
        above: 5,
        periods: 3,
      });
    }
    if (gpuService) this.#watchGpu(props, gpuService);
    new RunbookAlarm(this, 'ImportFails', {
      topic,
      says: 'An import of the bucket has failed.',
      section: 'import-fails',
      metric: bucketImport.metricFailed({ period }),
    });
  }

  /** A service reports its processors' load once a minute for each task: as many samples as tasks. */
  #watchGpu({ data, gpuHours }: WorkerAlarmsProps, service: Ec2Service): void {
    new RunbookAlarm(this, 'GpuRunsLong', {
      topic: data.alarmTopic,
      says: `A GPU has been running for ${gpuHours} hours without a pause.`,
      section: 'gpu-runs-long',
      metric: new Metric({
        namespace: 'AWS/ECS',
        metricName: 'CPUUtilization',
        dimensionsMap: { ClusterName: service.cluster.clusterName, ServiceName: service.serviceName },
        statistic: Stats.SAMPLE_COUNT,
        period: Duration.hours(1),
      }),
      periods: gpuHours,
    });
  }
}
