/** What a machine that builds the space of another model costs by the hour, and what it uses besides. */

import { pricesSchema } from './prices.ts';

export interface BuildMachine {
  readonly vcpus: number;
  readonly memoryMb: number;
  /** @default AWS Fargate */
  readonly gpuCapacityProviderName?: string | undefined;
}

/** As the builder reads them. */
export interface BuildPrices {
  readonly instanceHour: number;
  readonly thousandReads: number;
  readonly thousandWrites: number;
  readonly gigabyteMonth: number;
}

export function buildPrices({ vcpus, memoryMb, gpuCapacityProviderName }: BuildMachine): BuildPrices {
  const prices = pricesSchema.parse({});
  const machine =
    gpuCapacityProviderName === undefined
      ? vcpus * prices.fargateVcpuHour + (memoryMb / 1024) * prices.fargateGbHour
      : prices.gpuHour + prices.managedInstanceHour;
  return {
    instanceHour: machine + prices.publicAddressHour,
    thousandReads: prices.s3ThousandReads,
    thousandWrites: prices.s3ThousandWrites,
    gigabyteMonth: prices.s3GbMonth,
  };
}
