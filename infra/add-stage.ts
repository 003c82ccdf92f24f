/** One stage: what is kept (data), what works (workers), what answers (serving). */

import { type App, Tags } from 'aws-cdk-lib';
import { DataStack } from './stacks/data-stack.ts';
import { ServingStack } from './stacks/serving-stack.ts';
import { WorkersStack } from './stacks/workers-stack.ts';
import type { StageSettings } from './stage-settings.ts';

export interface StageStacks {
  readonly data: DataStack;
  readonly workers: WorkersStack;
  readonly serving: ServingStack;
}

export function addStage(app: App, settings: StageSettings): StageStacks {
  const { stage } = settings;
  const name = (part: string) => ({ stackName: `chiasm-${stage}-${part}` });
  const data = new DataStack(app, 'Data', { ...name('data'), terminationProtection: settings.protect, settings });
  const workers = new WorkersStack(app, 'Workers', { ...name('workers'), settings, data });
  const serving = new ServingStack(app, 'Serving', { ...name('serving'), settings, data, workers });
  // cost allocation: activate these two tags in the billing console
  Tags.of(app).add('project', 'chiasm');
  Tags.of(app).add('stage', stage);
  return { data, workers, serving };
}
