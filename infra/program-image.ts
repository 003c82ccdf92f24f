/** The container images: one Dockerfile, one target a kind of machine. Assets are directories; nothing is built at synthesis. */

import { join } from 'node:path';
import { IgnoreMode } from 'aws-cdk-lib';
import { type DockerImageAssetProps, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { DockerImageCode } from 'aws-cdk-lib/aws-lambda';
import type { StageSettings } from './stage-settings.ts';

const REPOSITORY_ROOT = join(import.meta.dirname, '..');

type Target = 'lambda' | 'worker' | 'worker-cuda';

function image(settings: StageSettings, target: Target): DockerImageAssetProps {
  return {
    directory: REPOSITORY_ROOT, // .dockerignore lists what may be sent
    ignoreMode: IgnoreMode.DOCKER,
    file: 'infra/images/Dockerfile',
    target,
    platform: Platform.LINUX_AMD64,
    buildArgs: { MODEL: settings.model, ...(settings.speech && { SPEECH: settings.speech }) },
  };
}

type Handler = 'api' | 'caretaker' | 'compactor' | 'small-lane';

/** @param program whose `handler` runs */
export function lambdaImage(settings: StageSettings, program: Handler): DockerImageCode {
  const { directory, ...props } = image(settings, 'lambda');
  return DockerImageCode.fromImageAsset(directory, { ...props, cmd: [`${program}.handler`] });
}

export function workerImage(settings: StageSettings, target: 'worker' | 'worker-cuda'): ContainerImage {
  const { directory, ...props } = image(settings, target);
  return ContainerImage.fromAsset(directory, props);
}
