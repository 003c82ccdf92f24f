/** Who is told: a topic for alarms, a mail address if one is set, and a budget that speaks up before the bill does. */

import { Stack } from 'aws-cdk-lib';
import { CfnBudget } from 'aws-cdk-lib/aws-budgets';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import { acknowledge } from '../acknowledge.ts';

export interface NotificationsProps {
  readonly stage: string;
  /** @default nobody is told */
  readonly email?: string | undefined;
  /** @default no budget */
  readonly monthlyBudgetUsd?: number | undefined;
  /** @default the topic is not encrypted: alarms cannot use the free key of SNS */
  readonly key?: IKey | undefined;
}

/** Percent of the budget, spent, at which the mail is sent. */
const BUDGET_WARNING_PERCENT = 80;

export class Notifications extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string, { stage, email, monthlyBudgetUsd, key }: NotificationsProps) {
    super(scope, id);
    this.topic = new Topic(this, 'Topic', {
      displayName: `Chiasm ${stage}`,
      enforceSSL: true,
      ...(key && { masterKey: key }),
    });
    const cloudWatch = new ServicePrincipal('cloudwatch.amazonaws.com');
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        actions: ['sns:Publish'],
        principals: [cloudWatch],
        resources: [this.topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } }, // not alarms of others
      }),
    );
    key?.grant(cloudWatch, 'kms:Decrypt', 'kms:GenerateDataKey*');
    if (!key) {
      acknowledge(this.topic, {
        'AwsSolutions-SNS2':
          'it carries names of alarms, no data of users; alarms cannot publish under the free key of SNS, and a key of your own is the setting `encryption: customer`',
      });
    }
    if (email === undefined) return;
    this.topic.addSubscription(new EmailSubscription(email));
    if (monthlyBudgetUsd === undefined) return;
    new CfnBudget(this, 'Budget', {
      budget: {
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: monthlyBudgetUsd, unit: 'USD' },
        costFilters: { TagKeyValue: [`user:stage$${stage}`] },
      },
      notificationsWithSubscribers: [
        {
          notification: {
            notificationType: 'ACTUAL',
            comparisonOperator: 'GREATER_THAN',
            threshold: BUDGET_WARNING_PERCENT,
          },
          subscribers: [{ subscriptionType: 'EMAIL', address: email }],
        },
      ],
    });
  }
}
