/**
 * Starts what `run-dockerfile.ts` has made as AWS would, by chroot and as the image's user, beside servers with the protocols of S3,
 * SQS and Lambda's runtime API: `node test/infra/try-image.ts TARGET WORK`, as root. It says what each program answered.
 */

import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import sharp from 'sharp';
import { ENVIRONMENT } from '#functions/environment-names.ts';
import { createS3Client } from '#shared/store/s3-client.ts';
import { apiEvent } from '../functions/cloud/api-event.ts';
import { startLambdaRuntime } from '../functions/cloud/lambda-runtime.ts';
import { sqsEvent } from '../functions/cloud/sqs-event.ts';
import { s3Event } from '../ingest/s3-event.ts';
import { startSqsServer } from '../queue/sqs-server.ts';
import { startS3Server } from '../store/s3-server.ts';
import { parseDockerfile } from './dockerfile.ts';

const [target, work] = process.argv.slice(2);
if (target === undefined || work === undefined) throw new Error('usage: node test/infra/try-image.ts TARGET WORK');
const source = readFileSync(join(import.meta.dirname, '../../infra/images/Dockerfile'), 'utf8');
const stage = parseDockerfile(source).stages.find(({ name }) => name === target);
if (stage === undefined) throw new Error(`the Dockerfile has no ${target}`);
const textOf = (name: string) => stage.instructions.findLast((instruction) => instruction.name === name)?.text ?? '';
const entry: readonly string[] = JSON.parse(textOf('ENTRYPOINT'));

const s3 = await startS3Server();
const sqs = await startSqsServer();
const [mediaBucket, stateBucket] = [s3.createBucket(), s3.createBucket()];
const queueUrl = sqs.createQueue({ visibilityMs: 30_000, maxAttempts: 5 });
const { credentials, region, endpoint } = s3.settings;
const environment = {
  ...Object.fromEntries(
    stage.instructions.filter(({ name }) => name === 'ENV').map(({ text }) => text.split('=', 2) as [string, string]),
  ),
  PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/bin',
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  AWS_REGION: region,
  AWS_ENDPOINT_URL_S3: endpoint,
  [ENVIRONMENT.mediaBucket]: mediaBucket,
  [ENVIRONMENT.stateBucket]: stateBucket,
  [ENVIRONMENT.queueUrl]: queueUrl,
  [ENVIRONMENT.modelFolder]: '/opt/chiasm/model',
  [ENVIRONMENT.reader]: '/opt/chiasm/reader',
};

function start(args: readonly string[], variables: Readonly<Record<string, string>>) {
  const command = `cd ${textOf('WORKDIR')} && exec "$@"`;
  const chroot = [`--userspec=${textOf('USER')}`, join(resolve(work!), target!), '/bin/sh', '-ec', command, 'sh'];
  const stdio = ['ignore', 'inherit', 'inherit'] as const;
  return spawn('chroot', [...chroot, ...entry, ...args], { env: { ...environment, ...variables }, stdio: [...stdio] });
}

const change = { bucket: mediaBucket, key: 'red ü.png', sequencer: '00A1' };
const uploaded = JSON.stringify(s3Event('Object Created', change));
const shown = sharp({ create: { width: 64, height: 64, channels: 3, background: 'red' } });
const Body = await shown.png().toBuffer();
await createS3Client(s3.settings).send(new PutObjectCommand({ Bucket: mediaBucket, Key: change.key, Body }));

/** One invocation of a function, as Lambda starts it. */
async function invoke(program: string, event: unknown): Promise<string> {
  const runtime = await startLambdaRuntime();
  const child = start([`${program}.handler`], {
    AWS_LAMBDA_RUNTIME_API: runtime.address,
    _HANDLER: `${program}.handler`,
    LAMBDA_TASK_ROOT: '/var/task',
    AWS_LAMBDA_FUNCTION_NAME: program,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '3008',
    AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/test',
    AWS_LAMBDA_LOG_STREAM_NAME: 'test',
  });
  child.once('exit', (code) => runtime.fail(`${program} ended with ${code}`));
  const { body } = await runtime.invoke(event, { timeoutMs: 120_000 });
  child.kill('SIGKILL');
  runtime.close();
  return body.toString();
}

if (target === 'lambda') {
  console.log('small-lane:', await invoke('small-lane', sqsEvent([uploaded])));
  console.log('compactor:', await invoke('compactor', { source: 'chiasm.schedule' }));
  console.log('caretaker:', await invoke('caretaker', { source: 'chiasm.deployed' }));
  console.log('api:', await invoke('api', apiEvent('/v1/search', { query: { q: 'red' } })));
} else {
  sqs.put(queueUrl, [uploaded]);
  const child = start(JSON.parse(textOf('CMD')), target === 'worker-cuda' ? { [ENVIRONMENT.device]: 'cuda' } : {});
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(`ended with ${code ?? signal}`));
  });
  const indexed = async () => {
    while (!sqs.requests.some(({ action }) => action.startsWith('DeleteMessage'))) await sleep(200);
    return 'the upload is indexed';
  };
  console.log('indexer:', await Promise.race([ended, indexed()]));
  child.kill('SIGTERM');
  console.log('indexer:', await ended);
}
s3.close();
sqs.close();
