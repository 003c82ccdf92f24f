/** `npm start`: indexes folders, serves the API and the console, follows changes. */

import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { LOOPBACK_HOSTS } from '#functions/api/app-dependencies.ts';
import { claimDataFolder } from '#functions/local/claim-data-folder.ts';
import { composeLocal, type Loaded, type LocalSystem } from '#functions/local/compose.ts';
import { type LocalEnvironment, readEnvironment } from '#functions/local/env.ts';
import { writeSample } from '#functions/local/sample/write-sample.ts';
import { systemClock } from '#shared/core/clock.ts';
import { ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import { createJsonLog } from '#shared/core/log.ts';
import { findModel } from '#shared/models/find-model.ts';
import { type Arguments, HELP, parseArguments } from './arguments.ts';
import { createReporter, type Reporter, type Summary } from './reporter.ts';

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
  const modelFolder = await findModel(args.model, { dataFolder });
  reporter.starting({ version: version(), model: args.model, data: args.data, folders });

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
  const system = composeLocal(
    { folders, dataFolder, modelFolder, apiKeys, allowedHosts: loopback ? LOOPBACK_HOSTS : 'any' },
    log,
  );
  const server = args.once ? undefined : await listen(system, args);
  stopOnSignals(async () => {
    server?.close();
    server?.closeAllConnections();
    await system.close();
    claim.release();
  });
  if (server !== undefined) reporter.serving(urlOf(server, args.host));

  const loaded = await system.load();
  if (!args.once) await loaded.follow();
  await bringUpToDate(loaded, reporter);
  if (!args.once) return;
  await loaded.compact();
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
async function bringUpToDate({ inbox, index, catchUp, skipped }: Loaded, reporter: Reporter): Promise<void> {
  const startedMs = performance.now();
  const before = inbox.backlog();
  const timer = setInterval(() => reporter.progress(inbox.backlog()), PROGRESS_EVERY_MS);
  await catchUp();
  await inbox.idle();
  clearInterval(timer);
  const { done, failed } = inbox.backlog();
  const failedItems = failed === before.failed ? [] : await index.items({ status: 'failed', limit: FAILURES_SHOWN });
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

/** The first signal stops in good order, the second at once. Either way nothing that was acknowledged is lost. */
function stopOnSignals(stop: () => Promise<void>): void {
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(130);
      stopping = true;
      void stop().then(
        () => process.exit(0),
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
