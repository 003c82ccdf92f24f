/** What every program is told, by the names that the programs read. */

import { ENVIRONMENT } from '#functions/environment-names.ts';
import type { ChiasmData } from './chiasm-data.ts';
import { METRICS_NAMESPACE } from './own-metric.ts';
import type { StageSettings } from './stage-settings.ts';

/** Where the images keep the folders of the models that embed, answer questions and write down what is said. */
const MODEL_FOLDER = '/opt/chiasm/model';
const READER_FOLDER = '/opt/chiasm/reader';
const SPEECH_FOLDER = '/opt/chiasm/speech';

export function programEnvironment(settings: StageSettings, data: ChiasmData): Record<string, string> {
  return {
    [ENVIRONMENT.stage]: settings.stage,
    [ENVIRONMENT.mediaBucket]: data.storage.media.bucketName,
    [ENVIRONMENT.stateBucket]: data.storage.state.bucketName,
    [ENVIRONMENT.queueUrl]: data.uploads.queue.queueUrl,
    [ENVIRONMENT.modelFolder]: MODEL_FOLDER,
    [ENVIRONMENT.reader]: settings.reader === 'bundled' ? READER_FOLDER : settings.reader,
    ...(settings.speech && { [ENVIRONMENT.speech]: SPEECH_FOLDER }),
    [ENVIRONMENT.device]: 'cpu',
    [ENVIRONMENT.logLevel]: settings.operations.logLevel,
    [ENVIRONMENT.metricsNamespace]: METRICS_NAMESPACE,
    [ENVIRONMENT.vectorIndex]: settings.vectors.index,
    ...(data.vectors && { [ENVIRONMENT.vectorBucket]: data.vectors.bucketName }),
  };
}
