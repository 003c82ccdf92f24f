/**
 * The names of the environment variables of the programs that run in AWS: the one place that spells them. `infra` sets
 * them by these names, each program's `env.ts` reads them through a schema.
 */

export const ENVIRONMENT = {
  /** Name of the deployment, `prod` for example; a dimension of every metric. */
  stage: 'CHIASM_STAGE',
  mediaBucket: 'CHIASM_MEDIA_BUCKET',
  stateBucket: 'CHIASM_STATE_BUCKET',
  /** URL of the work queue. Its redrive policy names the dead letters and the attempts. */
  queueUrl: 'CHIASM_QUEUE_URL',
  /** Absolute path of the model folder in the image. */
  modelFolder: 'CHIASM_MODEL_FOLDER',
  /** Model that answers questions: absolute path of its folder in the image, or `bedrock:MODEL_ID`. */
  reader: 'CHIASM_READER',
  /** Absolute path of the folder of the model that writes down what is said. */
  speech: 'CHIASM_SPEECH',
  /** `cpu` or `cuda`. */
  device: 'CHIASM_DEVICE',
  /** `debug`, `info`, `warn` or `error`. */
  logLevel: 'CHIASM_LOG_LEVEL',
  metricsNamespace: 'CHIASM_METRICS_NAMESPACE',
  /** ARN or name of the ECS cluster in which jobs run. */
  cluster: 'CHIASM_CLUSTER',
  trainerTaskDefinition: 'CHIASM_TRAINER_TASK_DEFINITION',
  /** Name of the capacity provider of the GPU machines; absent, jobs run on AWS Fargate. */
  trainerCapacityProvider: 'CHIASM_TRAINER_CAPACITY_PROVIDER',
  /** Subnet ids, separated by commas; none where a task shares its machine's network. */
  trainerSubnets: 'CHIASM_TRAINER_SUBNETS',
  /** Security group ids, separated by commas. */
  trainerSecurityGroups: 'CHIASM_TRAINER_SECURITY_GROUPS',
  /** Deltas of a space for which the compactor folds at once; below it waits for its schedule. */
  compactAfterDeltas: 'CHIASM_COMPACT_AFTER_DELTAS',
  /** Differences between bucket and index that the caretaker queues in one pass at most. */
  reconcileAtMost: 'CHIASM_RECONCILE_AT_MOST',
  /** `estimate` or `build`. */
  buildMode: 'CHIASM_BUILD_MODE',
  /** Prices for the estimate, as JSON. */
  buildPrices: 'CHIASM_BUILD_PRICES',
  /** `embedded` or `s3-vectors`. */
  vectorIndex: 'CHIASM_VECTOR_INDEX',
  /** Vector bucket of Amazon S3 Vectors; only with `s3-vectors`. */
  vectorBucket: 'CHIASM_VECTOR_BUCKET',
  /** The job that a trainer's task runs. */
  jobId: 'CHIASM_JOB_ID',
  /** Origin of the console, `https://console.example.org`, that may call the API from a browser. */
  consoleOrigin: 'CHIASM_CONSOLE_ORIGIN',
} as const;
