/** Exceptions from the security rules: each with its reason, beside the construct that needs it. */

import { CfnResource, Validations } from 'aws-cdk-lib';
import { rules } from 'cdk-nag';
import type { IConstruct } from 'constructs';

/** @param reasons by rule, `AwsSolutions-S1`, or by one finding of a rule, `AwsSolutions-IAM4[Policy::...]` */
export function acknowledge(construct: IConstruct, reasons: Readonly<Record<string, string>>): void {
  for (const [id, reason] of Object.entries(reasons)) Validations.of(construct).acknowledge({ id, reason });
}

/** Of a policy: what the wildcard ends with, and why it is needed. */
export interface WildcardReason {
  readonly endsWith: string;
  readonly reason: string;
}

/**
 * Wildcards in the policies of a construct, by their ends: the names of other stacks' resources are known only when the app
 * is put together, and findings are acknowledged by their full text. A wildcard that is not listed stays an error.
 */
export function acknowledgeWildcards(construct: IConstruct, reasons: readonly WildcardReason[]): void {
  construct.node.addValidation({
    validate: () => {
      for (const child of construct.node.findAll()) {
        for (const finding of wildcardsOf(child)) {
          const known = reasons.find(({ endsWith }) => finding.endsWith(endsWith));
          if (known) acknowledge(child, { [`AwsSolutions-IAM5[${finding}]`]: known.reason });
        }
      }
      return [];
    },
  });
}

function wildcardsOf(construct: IConstruct): readonly string[] {
  if (!(construct instanceof CfnResource)) return [];
  const findings: unknown = rules.iam.IAMNoWildcardPermissions(construct);
  return Array.isArray(findings) ? findings : [];
}

/** A registry token, traces, a log delivery: actions that IAM offers for no narrower resource. */
export const NO_RESOURCE = (what: string): WildcardReason => ({
  endsWith: 'Resource::*',
  reason: `${what}: IAM knows no narrower resource for it`,
});

export const ANY_OBJECT: WildcardReason = { endsWith: '/*', reason: 'any object of this one bucket' };
