/**
 * Prices in US dollars, as parameters: the list prices of us-east-1 that these defaults were taken from change, differ by region and
 * are to be checked at the address beside each. `npm run costs -- --prices FILE` takes others.
 */

import { z } from 'zod';

const price = z.number().nonnegative();

export const pricesSchema = z.strictObject({
  /** https://aws.amazon.com/lambda/pricing/ */
  lambdaGbSecond: price.default(0.0000166667),
  lambdaMillionRequests: price.default(0.2),
  /** https://aws.amazon.com/api-gateway/pricing/ (REST) */
  apiMillionRequests: price.default(3.5),
  /** https://aws.amazon.com/s3/pricing/ (Standard) */
  s3GbMonth: price.default(0.023),
  s3ThousandWrites: price.default(0.005),
  s3ThousandReads: price.default(0.0004),
  /** https://aws.amazon.com/sqs/pricing/ */
  sqsMillionRequests: price.default(0.4),
  /** https://aws.amazon.com/ecr/pricing/ */
  ecrGbMonth: price.default(0.1),
  /** https://aws.amazon.com/cloudwatch/pricing/ */
  logsGb: price.default(0.5),
  alarmMetricMonth: price.default(0.1),
  ownMetricMonth: price.default(0.3),
  dashboardMonth: price.default(3),
  /** https://aws.amazon.com/xray/pricing/ */
  millionTraces: price.default(5),
  /** https://aws.amazon.com/fargate/pricing/ (Linux, x86) */
  fargateVcpuHour: price.default(0.04048),
  fargateGbHour: price.default(0.004445),
  /** https://aws.amazon.com/ec2/pricing/on-demand/ (g4dn.xlarge), its public address, and its disk */
  gpuHour: price.default(0.526),
  publicAddressHour: price.default(0.005),
  diskGbMonth: price.default(0.08),
  /** https://aws.amazon.com/ecs/managed-instances/pricing/ : a fee on top of the machine, here for g4dn.xlarge */
  managedInstanceHour: price.default(0.063),
});

export type Prices = z.infer<typeof pricesSchema>;

/** What AWS gives to every account each month, for ever. Another use of the account may have taken it already. */
export const ALWAYS_FREE: Readonly<Partial<Record<keyof Prices, number>>> = {
  lambdaGbSecond: 400_000,
  lambdaMillionRequests: 1,
  sqsMillionRequests: 1,
  logsGb: 5,
  alarmMetricMonth: 10,
  ownMetricMonth: 10,
  dashboardMonth: 3,
  millionTraces: 0.1,
};
