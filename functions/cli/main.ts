/** `npm start`: indexes folders, serves the API and the console, follows changes. */

import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { LOOPBACK_HOSTS } from '#functions/api/app-dependencies.ts';
import { claimDataFolder } from '#functions/local/claim-data-folder.ts';
import { composeLocal, type Loaded, type LocalSystem, recordedModels } from '#functions/local/compose.ts';
import { type LocalEnvironment, readEnvironment } from '#functions/local/env.ts';
import type { LocalSpaces } from '#functions/local/local-spaces.ts';
import { chooseModels } from '#functions/local/model-choice.ts';
import { writeSample } from '#functions/local/sample/write-sample.ts';
import { findReader } from '#shared/answer/open-reader.ts';
import { systemClock } from '#shared/core/clock.ts';
import { ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import { createJsonLog } from '#shared/core/log.ts';
import { MODALITIES } from '#shared/core/modality.ts';
import { cloudQuantities } from '#shared/ingest/estimate-build.ts';
import { findModel } from '#shared/models/find-model.ts';
import { type Arguments, HELP, parseArguments } from './arguments.ts';
import { createReporter, type ModelChangeFacts, type Reporter, type Summary } from './reporter.ts';

const PROGRESS_EVERY_MS = 200;
const FAILURES_SHOWN = 5;
const SKIPPED_SHOWN = 5;

async function main(): Promise<void> {
  const environment = readEnvironment();
  const args = parseArguments(process.argv.slice(2), environment);
  if (args.help) return void process.stdout.write(HELP);
  if (args.version) return void process.stdout.write(`${version()}\n`);
  const reporter = createReporter(process.stdout, { json: args.json, colour: environment.NO_COLOR === undefined });
  await run(args, environment, reporter);
}

async function run(args: Arguments, environment: LocalEnvironment, reporter: Reporter): Promise<void> {
  const dataFolder = resolve(args.data);
  const claim = claimDataFolder(dataFolder);
  const folders =
    args.folders.length > 0 ? args.folders.map((folder) => resolve(folder)) : [join(dataFolder, 'sample')];
  if (args.folders.length === 0) await writeSample(folders[0]!);
  for (const folder of folders) await checkFolder(folder);
  const names = args.models ?? (await recordedModels(dataFolder)) ?? ['starter'];
  const models = await chooseModels(names, dataFolder);
  const reader = await findReader(args.reader, { dataFolder });
  const speechFolder = args.speech === undefined ? undefined : await findModel(args.speech, { dataFolder });
  const model = models.map((choice) => choice.model).join(', ');
  reporter.starting({ version: version(), model, data: args.data, folders });

  const apiKeys = environment.CHIASM_API_KEYS ?? [];
  const loopback = LOOPBACK_HOSTS.includes(args.host) || args.host === '::1';
  if (!loopback && apiKeys.length === 0) {
    reporter.warning(
      `everyone who can reach ${args.host}:${args.port} can read and delete; set CHIASM_API_KEYS to ask for a key`,
    );
  }
  const log = createJsonLog(
    (line) => process.stderr.write(`${line}\n`),
    systemClock,
    environment.CHIASM_LOG ?? 'error',
  );
  let server: Server | undefined;
  stopOnSignals(async () => {
    server?.close();
    server?.closeAllConnections();
    await system.close();
    claim.release();
    const serves = !args.once && !args.estimate;
    if (!serves) reporter.warning('stopped before it was done; the next start goes on');
    return serves;
  });
  const system = composeLocal(
    {
      folders,
      dataFolder,
      models,
      reader,
      ...(speechFolder !== undefined && { speechFolder }),
      estimateOnly: args.estimate,
      formerSpaces: args.dropFormer ? 'drop' : 'keep',
      apiKeys,
      allowedHosts: loopback ? LOOPBACK_HOSTS : 'any',
    },
    log,
  );
  if (!args.once && !args.estimate) server = await listen(system, args);
  if (server !== undefined) reporter.serving(urlOf(server, args.host));

  const loaded = await system.load();
  if (args.estimate) {
    if (loaded.spaces.building === undefined) reporter.warning('nothing to build: the index is of this model');
    else reporter.modelChange(await describeChange(loaded.spaces), args.prices);
    await system.close();
    return claim.release();
  }
  for (const notice of loaded.spaces.notices) reporter.warning(notice);
  if (!args.once) await loaded.follow();
  await Promise.all([bringUpToDate(loaded, reporter), changeModel(loaded, reporter)]);
  if (!args.once) return;
  await loaded.spaces.compact();
  await system.close();
  claim.release();
}

/** @throws ChiasmError `not_found` before anything is started */
async function checkFolder(folder: string): Promise<void> {
  const stats = await stat(folder).catch(() => undefined);
  if (stats?.isDirectory()) return;
  const reason = stats === undefined ? 'does not exist or cannot be read' : 'is a file; give the folder that it is in';
  throw new ChiasmError('not_found', `${folder} ${reason}`);
}

/** Queues what differs, shows progress until it is done, and tells what came of it. */
async function bringUpToDate({ spaces, skipped }: Loaded, reporter: Reporter): Promise<void> {
  const [{ inbox }] = spaces.live.members;
  const startedMs = performance.now();
  const before = inbox.backlog();
  const timer = setInterval(() => reporter.progress(inbox.backlog()), PROGRESS_EVERY_MS);
  await spaces.catchUp();
  await spaces.idle();
  clearInterval(timer);
  const { done, failed } = inbox.backlog();
  const failedItems =
    failed === before.failed ? [] : await spaces.live.items.items({ status: 'failed', limit: FAILURES_SHOWN });
  const summary: Summary = {
    indexed: done - before.done - (failed - before.failed),
    failed: failed - before.failed,
    seconds: (performance.now() - startedMs) / 1000,
    failures: failedItems.map(({ key, failure }) => ({ key, reason: failure?.message ?? '' })),
  };
  reporter.upToDate(summary);
  for (const { path, reason } of skipped().slice(0, SKIPPED_SHOWN)) reporter.warning(`left out ${path}: ${reason}`);
  if (skipped().length > SKIPPED_SHOWN) reporter.warning(`and ${skipped().length - SKIPPED_SHOWN} more were left out`);
}

/** Builds the index of another model beside the one that answers, with an estimate first, and switches to it. */
async function changeModel({ spaces }: Loaded, reporter: Reporter): Promise<void> {
  if (spaces.building === undefined) return;
  reporter.modelChange(await describeChange(spaces));
  const timer = setInterval(() => {
    const progress = spaces.progress();
    if (progress !== undefined) reporter.building(progress);
  }, PROGRESS_EVERY_MS);
  const outcome = await spaces.build().finally(() => clearInterval(timer));
  if (outcome.kind === 'held') reporter.warning(outcome.reason);
  if (outcome.kind === 'switched') reporter.modelChanged(spaces.record.live.map(({ model }) => model));
}

async function describeChange(spaces: LocalSpaces): Promise<ModelChangeFacts> {
  const { live, building } = spaces.record;
  const models = (recorded: typeof live) => recorded.map(({ model }) => model);
  const unembedded = MODALITIES.filter((modality) => !building!.spaces.some((s) => s.modalities.includes(modality)));
  const estimate = await spaces.estimate();
  return { from: models(live), to: models(building!.spaces), unembedded, estimate, cloud: cloudQuantities(estimate) };
}

async function listen(system: LocalSystem, { host, port }: Arguments): Promise<Server> {
  const server = createAdaptorServer({ fetch: system.app.fetch }) as Server;
  await new Promise<void>((started, failed) => {
    server.once('error', failed);
    server.listen(port, host, started);
  }).catch((cause: NodeJS.ErrnoException) => {
    const reason =
      cause.code === 'EADDRINUSE'
        ? 'is in use; choose another one with --port'
        : `cannot be listened on: ${cause.message}`;
    throw new ChiasmError('conflict', `${host}:${port} ${reason}`, { cause });
  });
  return server;
}

function urlOf(server: Server, host: string): string {
  const { port } = server.address() as AddressInfo;
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}/`;
}

/** As shells count: 128 and the number of the signal. */
const INTERRUPTED = { SIGINT: 130, SIGTERM: 143 } as const;

/**
 * The first signal stops in good order, the second at once. Either way nothing that was acknowledged is lost.
 * @param stop resolves to whether that was all there was to do: scripts must not take half an index for a whole one
 */
function stopOnSignals(stop: () => Promise<boolean>): void {
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(INTERRUPTED[signal]);
      stopping = true;
      void stop().then(
        (done) => process.exit(done ? 0 : INTERRUPTED[signal]),
        (thrown) => fail(thrown),
      );
    });
  }
}

function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}

function fail(thrown: unknown): never {
  const error = toChiasmError(thrown);
  process.stderr.write(`${error.message}\n`);
  if (error.code === 'internal') process.stderr.write(`${error.stack}\n`);
  process.exit(1);
}

await main().catch(fail);
