/**
 * Chiasm's programs for AWS as processes of their own, bundled as images hold them, against servers with the protocols of S3
 * and SQS and the runtime API of Lambda. S3's events go into the queue in the form that EventBridge gives them.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { bundlePrograms } from '../../../infra/images/bundle.ts';
import { s3Event } from '../../ingest/s3-event.ts';
import { makeAnswerModel } from '../../models/make-answer-model.ts';
import { makeModelFolder } from '../../models/make-model-folder.ts';
import { type SqsTestServer, startSqsServer } from '../../queue/sqs-server.ts';
import { type S3TestServer, startS3Server } from '../../store/s3-server.ts';
import { temporaryFolder } from '../../store/temporary-folder.ts';
import { type LambdaRuntime, startLambdaRuntime } from './lambda-runtime.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const NODE = join(ROOT, 'node_modules/node/bin/node');
const PROGRAMS = {
  api: 'functions/api/lambda.ts',
  builder: 'functions/builder/main.ts',
  caretaker: 'functions/caretaker/lambda.ts',
  compactor: 'functions/compactor/lambda.ts',
  indexer: 'functions/indexer/main.ts',
  'small-lane': 'functions/indexer/lambda.ts',
  trainer: 'functions/trainer/main.ts',
  'write-golden': 'functions/indexer/write-golden.ts',
};
const TINY_CLIENT = fileURLToPath(new URL('./tiny-runtime-client.mjs', import.meta.url));
/** AWS's own client; `.ci/run` installs it. */
const AWS_CLIENT = join(import.meta.dirname, 'runtime-client', 'node_modules', 'aws-lambda-ric', 'index.mjs');
export const hasAwsClient = existsSync(AWS_CLIENT);

export interface CloudProgram {
  /** Lines of its standard output that are JSON, parsed. */
  readonly logged: readonly Record<string, any>[];
  /** Everything it wrote, for a failing test to show. */
  output(): string;
  /** @returns its exit code, or the signal that ended it */
  readonly ended: Promise<number | NodeJS.Signals>;
  signal(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>;
}

export interface CloudFunction extends CloudProgram {
  readonly runtime: LambdaRuntime;
}

export interface Cloud {
  readonly s3: S3TestServer;
  readonly sqs: SqsTestServer;
  readonly mediaBucket: string;
  readonly stateBucket: string;
  readonly queueUrl: string;
  readonly modelFolder: string;
  readonly bundleFolder: string;
  /** Whether S3's events reach the queue now. */
  deliverEvents: boolean;
  startWorker(variables?: Readonly<Record<string, string>>, entry?: string, args?: readonly string[]): CloudProgram;
  startFunction(
    name: 'api' | 'caretaker' | 'compactor' | 'small-lane',
    client?: 'aws' | 'tiny',
    variables?: Readonly<Record<string, string>>,
  ): Promise<CloudFunction>;
  close(): Promise<void>;
}

interface CloudOptions {
  /** Of the work queue, whole seconds. */
  readonly visibilityMs?: number;
  readonly maxAttempts?: number;
  /** Of the environment of every program. */
  readonly variables?: Readonly<Record<string, string>>;
}

export async function startCloud(options: CloudOptions = {}): Promise<Cloud> {
  const { visibilityMs = 3_000, maxAttempts = 3 } = options;
  const folder = await temporaryFolder();
  const bundleFolder = join(folder, 'programs');
  const [modelFolder, readerFolder] = await Promise.all([
    makeModelFolder(join(folder, 'model')),
    makeAnswerModel(join(folder, 'reader')),
    bundlePrograms(bundleFolder, PROGRAMS),
  ]);
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const sqs = await startSqsServer();
  const queueUrl = sqs.createQueue({ visibilityMs, maxAttempts });
  const programs: CloudProgram[] = [];
  const runtimes: LambdaRuntime[] = [];
  let scratch = 0;

  const s3 = await startS3Server(({ detailType, ...change }) => {
    if (!cloud.deliverEvents || change.bucket !== cloud.mediaBucket) return;
    sqs.put(queueUrl, [JSON.stringify(s3Event(detailType, change))]);
  });

  function start(args: readonly string[], variables: Readonly<Record<string, string>>): CloudProgram {
    const temporary = join(folder, `tmp-${scratch++}`);
    const { credentials, region, endpoint } = s3.settings;
    const environment = {
      PATH: process.env.PATH,
      TMPDIR: temporary,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_REGION: region,
      AWS_ENDPOINT_URL_S3: endpoint,
      CHIASM_MEDIA_BUCKET: cloud.mediaBucket,
      CHIASM_STATE_BUCKET: cloud.stateBucket,
      CHIASM_QUEUE_URL: queueUrl,
      CHIASM_MODEL_FOLDER: modelFolder,
      CHIASM_READER: readerFolder,
      CHIASM_LOG_LEVEL: 'debug',
      ...options.variables,
      ...variables,
    };
    const program = follow(async () => {
      await mkdir(temporary, { recursive: true });
      return spawn(NODE, args, { cwd: bundleFolder, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    });
    programs.push(program);
    return program;
  }

  const cloud: Cloud = {
    s3,
    sqs,
    mediaBucket: s3.createBucket(),
    stateBucket: s3.createBucket(),
    queueUrl,
    modelFolder,
    bundleFolder,
    deliverEvents: true,
    startWorker: (variables = {}, entry = 'indexer.mjs', args = []) => start([entry, ...args], variables),
    startFunction: async (name, client = 'tiny', variables = {}) => {
      const runtime = await startLambdaRuntime();
      runtimes.push(runtime);
      const program = start([client === 'aws' ? AWS_CLIENT : TINY_CLIENT, `${name}.handler`], {
        AWS_LAMBDA_RUNTIME_API: runtime.address,
        _HANDLER: `${name}.handler`,
        AWS_LAMBDA_FUNCTION_NAME: name,
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '3008',
        AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
        AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/test',
        AWS_LAMBDA_LOG_STREAM_NAME: 'test',
        LAMBDA_TASK_ROOT: bundleFolder,
        ...variables,
      });
      program.ended.then((code) => runtime.fail(`${name} ended with ${code}:\n${program.output()}`));
      return { ...program, runtime };
    },
    close: async () => {
      await Promise.all(programs.map((program) => program.signal('SIGKILL')));
      for (const runtime of runtimes) runtime.close();
      s3.close();
      sqs.close();
    },
  };
  return cloud;
}

function follow(spawnIt: () => Promise<ChildProcess>): CloudProgram {
  const logged: Record<string, any>[] = [];
  const lines: string[] = [];
  const child = spawnIt();
  const ended = child.then(
    (started) =>
      new Promise<number | NodeJS.Signals>((resolve) => {
        started.once('close', (code, signal) => resolve(code ?? signal ?? 'SIGKILL'));
      }),
  );
  void child.then(({ stdout, stderr }) => {
    for (const stream of [stdout!, stderr!]) {
      createInterface(stream).on('line', (line) => {
        lines.push(line);
        if (line.startsWith('{')) logged.push(JSON.parse(line));
      });
    }
  });
  return {
    logged,
    output: () => lines.join('\n'),
    ended,
    signal: async (signal) => {
      (await child).kill(signal);
      return ended;
    },
  };
}
