/** The CDK app: the three stacks of one stage. `cdk deploy --all -c stage=NAME` takes another stage of `cdk.json` than `main`. */

import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { addStage } from './add-stage.ts';
import { readStageSettings } from './stage-settings.ts';

const app = new App();
addStage(app, readStageSettings(app.node.tryGetContext('chiasm'), app.node.tryGetContext('stage')));
Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
app.synth();
