/** Leave to ask one model on Amazon Bedrock, and no other. */

import { Stack } from 'aws-cdk-lib';
import { type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

/** An inference profile across regions is named after a model, with where it leads to before: `eu.anthropic.claude-...`. */
const PROFILE = /^(?:global|us|us-gov|eu|apac|jp|au|ca)\.(?<model>.+)$/;

/**
 * @param id of a model, or of an inference profile that leads to it in several regions
 * Source: https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-prereq.html
 */
export function grantBedrockModel(scope: Construct, grantee: IGrantable, id: string): void {
  const { partition, region, account } = Stack.of(scope);
  const model = PROFILE.exec(id)?.groups?.model;
  const resources =
    model === undefined
      ? [`arn:${partition}:bedrock:${region}::foundation-model/${id}`]
      : [
          `arn:${partition}:bedrock:${region}:${account}:inference-profile/${id}`,
          `arn:${partition}:bedrock:*::foundation-model/${model}`,
        ];
  const actions = ['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream'];
  grantee.grantPrincipal.addToPrincipalPolicy(new PolicyStatement({ actions, resources }));
}
