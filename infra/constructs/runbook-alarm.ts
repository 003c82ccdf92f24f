/** An alarm that tells a person, and where it is written what to do: `docs/runbook.md` has a section of the alarm's name. */

import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

export interface RunbookAlarmProps {
  readonly topic: ITopic;
  /** What has happened, in a sentence. */
  readonly says: string;
  /** Heading of the runbook's section, in kebab case. */
  readonly section: string;
  readonly metric: IMetric;
  /** It sounds above this. @default 0 */
  readonly above?: number;
  /** For how many periods in a row. @default 1 */
  readonly periods?: number;
}

const RUNBOOK = 'docs/runbook.md';

export class RunbookAlarm extends Construct {
  readonly alarm: Alarm;

  constructor(scope: Construct, id: string, props: RunbookAlarmProps) {
    super(scope, id);
    this.alarm = new Alarm(this, 'Alarm', {
      alarmDescription: `${props.says} What to do: ${RUNBOOK}#${props.section}`,
      metric: props.metric,
      threshold: props.above ?? 0,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: props.periods ?? 1,
      treatMissingData: TreatMissingData.NOT_BREACHING, // whatever is idle measures nothing
    });
    this.alarm.addAlarmAction(new SnsAction(props.topic));
    this.alarm.addOkAction(new SnsAction(props.topic));
  }
}

export const FIVE_MINUTES = Duration.minutes(5);
