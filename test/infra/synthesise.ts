/** Synthesises a stage in a temporary folder: without Docker, without an account, without copying what images are made of. */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { z } from 'zod';
import { addStage } from '../../infra/add-stage.ts';
import { readStageSettings, type stageSettingsSchema } from '../../infra/stage-settings.ts';

export const STACKS = ['Data', 'Workers', 'Serving'] as const;
/** Synthesis takes seconds of processor time, and a busy machine minutes. */
export const SYNTHESIS_MS = 300_000;
export type StackName = (typeof STACKS)[number];

const resourceSchema = z.looseObject({
  Type: z.string(),
  Properties: z.record(z.string(), z.any()).default({}),
  DeletionPolicy: z.string().optional(),
});
const templateSchema = z.looseObject({
  Resources: z.record(z.string(), resourceSchema),
  Outputs: z.record(z.string(), z.any()).default({}),
});

export type Resource = z.infer<typeof resourceSchema>;

export interface Synthesised {
  /** For CDK's own assertions. */
  readonly template: Readonly<Record<StackName, Template>>;
  readonly resources: Readonly<Record<StackName, Readonly<Record<string, Resource>>>>;
  readonly outputs: Readonly<Record<StackName, readonly string[]>>;
  readonly terminationProtection: Readonly<Record<StackName, boolean>>;
}

const CDK_JSON = z.object({ context: z.record(z.string(), z.unknown()) });
/** The feature flags that users get. */
const { context } = CDK_JSON.parse(JSON.parse(readFileSync(join(import.meta.dirname, '../../cdk.json'), 'utf8')));

/** @throws what the rules of cdk-nag find that is not excused */
export function synthesise(settings: z.input<typeof stageSettingsSchema> = {}): Synthesised {
  return inTemporaryFolder((outdir) => {
    const flags = { ...context, 'aws:cdk:disable-asset-staging': true, 'aws:cdk:disable-stack-trace': true };
    const app = new App({ outdir, analyticsReporting: false, context: flags });
    const stacks = addStage(app, readStageSettings({ test: settings }, 'test'));
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    app.synth();
    const of = <T>(take: (name: StackName) => T) =>
      Object.fromEntries(STACKS.map((name) => [name, take(name)])) as Record<StackName, T>;
    const parsed = of((name) =>
      templateSchema.parse(JSON.parse(readFileSync(join(outdir, `${name}.template.json`), 'utf8'))),
    );
    const stackOf = { Data: stacks.data, Workers: stacks.workers, Serving: stacks.serving };
    return {
      template: of((name) => Template.fromJSON(parsed[name])),
      resources: of((name) => parsed[name].Resources),
      outputs: of((name) => Object.keys(parsed[name].Outputs).filter((output) => !output.startsWith('PublishOutput'))),
      terminationProtection: of((name) => stackOf[name].terminationProtection),
    };
  });
}

/** @throws what the rules say of an app */
export function checkSecurity(build: (app: App) => void): void {
  inTemporaryFolder((outdir) => {
    const app = new App({ outdir, analyticsReporting: false, context });
    build(app);
    Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
    app.synth();
  });
}

function inTemporaryFolder<T>(work: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'chiasm-synth-'));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param id of the resources' names in the template. @default any */
export function ofType(of: Synthesised, stack: StackName, type: string, id = /^/): readonly Resource[] {
  return Object.entries(of.resources[stack]).flatMap(([name, resource]) =>
    resource.Type === type && id.test(name) ? [resource] : [],
  );
}

/** Of all policies of roles. */
export function statementsOf(of: Synthesised, stack: StackName, id?: RegExp) {
  return ofType(of, stack, 'AWS::IAM::Policy', id).flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
}

/** Actions that the roles of a program may do on a bucket. */
export function actionsOn(of: Synthesised, stack: StackName, program: RegExp, bucket: 'Media' | 'State'): string[] {
  const actions = statementsOf(of, stack, program)
    .filter(({ Resource: on }: any) => JSON.stringify(on).includes(`Storage${bucket}`))
    .flatMap(({ Action }: any) => [Action].flat());
  return [...new Set<string>(actions)].sort();
}
