/**
 * What a deployment can be told: the settings of one stage, read from `cdk.json` (context `chiasm`, one entry a stage) and
 * checked before anything is synthesised. Every setting has a default; `docs/deploy.md` explains them to the user.
 */

import { z } from 'zod';
import { CATALOGUE } from '#shared/models/catalogue.ts';

const STAGE_NAME = /^[a-z][a-z0-9-]{0,15}$/;
const catalogued = (task: 'speech' | undefined) =>
  CATALOGUE.filter((entry) => entry.task === task).map(({ name }) => name);
const embeddingModel = z.enum(['starter', ...catalogued(undefined)]);
const speechModel = z.enum(catalogued('speech'));

const mediaSchema = z
  .strictObject({
    /** Index a bucket that exists instead of making one. Its notifications to EventBridge must be on. */
    existingBucket: z.string().min(3).max(63).optional(),
    /** Days for which replaced and deleted objects can be restored; 0 keeps none, so that an erased object is gone. */
    keepReplacedDays: z.number().int().min(0).max(365).default(0),
    /** Move objects that are not read to cheaper storage after these days; 0 never does. */
    intelligentTieringAfterDays: z.number().int().min(0).max(365).default(0),
  })
  .refine(({ existingBucket, keepReplacedDays, intelligentTieringAfterDays }) => {
    return existingBucket === undefined || keepReplacedDays + intelligentTieringAfterDays === 0;
  }, 'an existing bucket keeps its own life cycle: leave keepReplacedDays and intelligentTieringAfterDays out');

const apiSchema = z.strictObject({
  /** `api-key`: `x-api-key` with a usage plan. `iam`: requests signed with AWS credentials; the console is off. */
  authorization: z.enum(['api-key', 'iam']).default('api-key'),
  requestsPerSecond: z.number().positive().max(10_000).default(50),
  burst: z.number().int().positive().max(5_000).default(100),
  /** Requests a day for one API key. */
  requestsPerDay: z.number().int().positive().default(100_000),
  /** Memory of the function, and with it its share of processors: 1,769 MB are one. New accounts allow 3,008. */
  memoryMb: z.number().int().min(1_024).max(10_240).default(3_008),
  /** Room for the index of a generation on the function's disk. */
  diskMb: z.number().int().min(512).max(10_240).default(2_048),
  /**
   * What meets a first request after a pause. `plain`: a cold start, nothing paid meanwhile. `snapstart`: a restored
   * snapshot (512 MB of disk; its storage is billed). `provisioned`: functions kept warm, billed by the hour.
   */
  coldStart: z.enum(['plain', 'snapstart', 'provisioned']).default('plain'),
  /** Functions kept warm under `provisioned`. */
  provisioned: z.number().int().min(1).max(100).default(1),
  /** Requests and open streams that are answered at the same time; without it the account's own limit, which all its functions share. */
  concurrency: z.number().int().min(1).max(1_000).optional(),
  /** Another origin that serves the console; the API serves it itself otherwise. */
  consoleOrigin: z
    .string()
    .regex(/^https:\/\/[a-z0-9.-]+(:\d+)?$/, 'expected an origin such as https://console.example.org')
    .optional(),
  /** Set the account's role by which API Gateway writes logs. Leave it on unless another stack owns that role. */
  logRole: z.boolean().default(true),
});

const smallLaneSchema = z.strictObject({
  /** CPU functions that index at the same time, 2 at least; 0 turns the small lane off and every upload starts a GPU. */
  concurrency: z
    .number()
    .int()
    .max(100)
    .refine((value) => value === 0 || value >= 2, 'expected 0 (off) or 2 to 100')
    .default(4),
  memoryMb: z.number().int().min(1_024).max(10_240).default(3_008),
});

const gpuSchema = z.strictObject({
  /** Most GPU tasks at once; 0 leaves all the work to the small lane. */
  maxTasks: z.number().int().min(0).max(20).default(1),
  /** Waiting messages that start the first GPU task. It is 1 when the small lane is off, whatever stands here. */
  startAtBacklog: z.number().int().min(1).default(500),
  /** Waiting messages for which one more task is started. */
  backlogPerTask: z.number().int().min(100).default(20_000),
  instanceTypes: z
    .array(z.string().regex(/^[a-z0-9-]+\.[a-z0-9*]+$/))
    .min(1)
    .default(['g4dn.xlarge', 'g5.xlarge', 'g6.xlarge']),
  /** Spare capacity at a fraction of the price; an interrupted batch is worked on again. */
  spot: z.boolean().default(false),
  /** What a task uses of the smallest instance type; of its memory ECS and the system keep a part. */
  vcpus: z.number().int().min(1).max(64).default(4),
  memoryMb: z.number().int().min(4_096).max(262_144).default(13_312),
});

const compactionSchema = z.strictObject({
  memoryMb: z.number().int().min(1_024).max(10_240).default(3_008),
  diskMb: z.number().int().min(512).max(10_240).default(4_096),
  /** Deltas of a space that start a compaction at once. */
  afterDeltas: z.number().int().min(2).default(64),
  everyMinutes: z.number().int().min(5).max(1_440).default(60),
  /** Reserve the one concurrent run. A new account's quota of 10 concurrent runs does not allow it; runs stay correct without. */
  reserved: z.boolean().default(true),
});

const reconcileSchema = z.strictObject({
  /** How often the bucket is compared with the index, for what events have lost; 0: only after a deployment. */
  everyHours: z.number().int().min(0).max(168).default(24),
  /** Differences that one pass queues: a mistake must not cost a whole import. */
  atMost: z.number().int().min(1).max(1_000_000).default(10_000),
});

const trainerSchema = z.strictObject({
  /** `cpu`: AWS Fargate. `gpu`: the instances of the GPU lane. */
  hardware: z.enum(['cpu', 'gpu']).default('cpu'),
  vcpus: z.union([z.literal(2), z.literal(4), z.literal(8), z.literal(16)]).default(4),
});

const vectorsSchema = z.strictObject({
  /** `embedded`: HNSW in the function, up to about two million parts. `s3-vectors`: Amazon S3 Vectors. */
  index: z.enum(['embedded', 's3-vectors']).default('embedded'),
});

const operationsSchema = z.strictObject({
  /** Who gets the alarms; nobody without. */
  alarmEmail: z.email().optional(),
  /** A mail when the month's cost of this stage passes 80 % of it; needs `alarmEmail`. */
  monthlyBudgetUsd: z.number().positive().optional(),
  oldestMessageMinutes: z.number().int().min(5).default(60),
  /** A GPU that runs longer than this without a pause is worth a look. */
  gpuHours: z.number().int().min(1).max(23).default(12),
  logDays: z.union([z.literal(7), z.literal(14), z.literal(30), z.literal(90), z.literal(365)]).default(30),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  tracing: z.boolean().default(true),
});

export const stageSettingsSchema = z
  .strictObject({
    /** Model that embeds everything: `starter`, or a name that `npm run models -- list` shows. */
    model: embeddingModel.default('starter'),
    /** Model that is to take over: its space can be built beside the one that answers. */
    nextModel: embeddingModel.optional(),
    /** Model that writes down what is said in sounds and in spoken questions; without it only spoken commands are understood. */
    speech: speechModel.optional(),
    /** What answers questions: `bundled`, or a model on Amazon Bedrock, which sees the picture and is billed by the question. */
    reader: z
      .string()
      .regex(
        /^(?:bundled|bedrock:[\w.:-]+)$/,
        'expected bundled, or bedrock: and the id of a model or inference profile',
      )
      .default('bundled'),
    /** `managed`: keys of S3 and SQS, free. `customer`: one key of your own, about a dollar a month. */
    encryption: z.enum(['managed', 'customer']).default('managed'),
    /** Keep buckets and key when the stack is deleted, and refuse to delete the stack. */
    protect: z.boolean().default(true),
    media: mediaSchema.prefault({}),
    api: apiSchema.prefault({}),
    smallLane: smallLaneSchema.prefault({}),
    gpu: gpuSchema.prefault({}),
    compaction: compactionSchema.prefault({}),
    reconcile: reconcileSchema.prefault({}),
    trainer: trainerSchema.prefault({}),
    vectors: vectorsSchema.prefault({}),
    operations: operationsSchema.prefault({}),
  })
  .refine(({ smallLane, gpu }) => smallLane.concurrency > 0 || gpu.maxTasks > 0, {
    error: 'nothing would index: both smallLane.concurrency and gpu.maxTasks are 0',
  })
  .refine(({ model, nextModel }) => nextModel !== model, {
    error: 'nextModel is the model that answers already: leave it out',
  })
  .refine(({ trainer, gpu }) => trainer.hardware === 'cpu' || gpu.maxTasks > 0, {
    error: 'trainer.hardware is gpu, but gpu.maxTasks is 0',
  })
  .refine(({ api }) => api.coldStart !== 'snapstart' || api.diskMb === 512, {
    error: 'SnapStart allows 512 MB of disk: set api.diskMb to 512, or another api.coldStart',
  })
  .refine(({ api }) => api.coldStart !== 'provisioned' || api.provisioned <= (api.concurrency ?? Infinity), {
    error: 'api.provisioned keeps more functions warm than api.concurrency lets answer',
  })
  .refine(({ operations }) => operations.monthlyBudgetUsd === undefined || operations.alarmEmail !== undefined, {
    error: 'operations.monthlyBudgetUsd needs operations.alarmEmail',
  });

export type StageSettings = z.infer<typeof stageSettingsSchema> & { readonly stage: string };

/**
 * @param context the value of the context key `chiasm` in `cdk.json`: settings by name of stage
 * @throws Error that names the stage, the setting and what was expected
 */
export function readStageSettings(context: unknown, stage: string): StageSettings {
  if (!STAGE_NAME.test(stage)) {
    throw new Error(`stage: expected 1 to 16 of a-z, 0-9 and -, starting with a letter; got ${JSON.stringify(stage)}`);
  }
  const stages = z.record(z.string(), z.unknown()).safeParse(context ?? {});
  if (!stages.success) throw new Error('cdk.json: expected the context "chiasm" to hold settings by name of stage');
  if (!(stage in stages.data)) {
    const known = Object.keys(stages.data).join(', ') || 'none';
    throw new Error(`cdk.json: no stage ${JSON.stringify(stage)} in the context "chiasm"; it has ${known}`);
  }
  const parsed = stageSettingsSchema.safeParse(stages.data[stage]);
  if (parsed.success) return { ...parsed.data, stage };
  const problems = parsed.error.issues.map(({ path, message }) => `${[stage, ...path].join('.')}: ${message}`);
  throw new Error(`cdk.json: ${problems.join('; ')}`);
}
