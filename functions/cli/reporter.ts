/** What the program tells the person (or the machine) that started it: a bar on a terminal, plain lines, or JSON lines. */

import type { WriteStream } from 'node:tty';
import { styleText } from 'node:util';
import type { BuildProgress } from '#functions/api/app-dependencies.ts';
import {
  type BuildEstimate,
  type CloudPrices,
  type CloudQuantities,
  cloudCost,
} from '#shared/ingest/estimate-build.ts';
import type { Backlog } from '#shared/ingest/inbox.ts';

export interface Summary {
  readonly indexed: number;
  readonly failed: number;
  readonly seconds: number;
  /** The first failures, for a person to see. */
  readonly failures: readonly { readonly key: string; readonly reason: string }[];
}

export interface ModelChangeFacts {
  readonly from: readonly string[];
  readonly to: readonly string[];
  /** Modalities that no new model embeds: their items are found by words only. */
  readonly unembedded: readonly string[];
  readonly estimate: BuildEstimate;
  readonly cloud: CloudQuantities;
}

export interface Reporter {
  starting(facts: {
    readonly version: string;
    readonly model: string;
    readonly data: string;
    readonly folders: readonly string[];
  }): void;
  serving(url: string): void;
  progress(backlog: Backlog): void;
  /** All that was found at the start is done. */
  upToDate(summary: Summary): void;
  /** The index is of another model: what is going to be done, and what it takes. */
  modelChange(facts: ModelChangeFacts, prices?: CloudPrices): void;
  building(progress: BuildProgress): void;
  /** These models answer from now on. */
  modelChanged(models: readonly string[]): void;
  warning(message: string): void;
  error(message: string): void;
}

type Output = Pick<WriteStream, 'write' | 'isTTY'> & { readonly columns?: number };

const BAR_CELLS = 24;
const PLAIN_EVERY_MS = 5_000;

export function createReporter(out: Output, options: { readonly json: boolean; readonly colour: boolean }): Reporter {
  if (options.json) return createJsonReporter(out);
  return createTextReporter(out, options.colour && out.isTTY === true);
}

function createJsonReporter(out: Output): Reporter {
  const event = (name: string) => (fields: object) => void out.write(`${JSON.stringify({ event: name, ...fields })}\n`);
  return {
    starting: event('starting'),
    serving: (url) => event('serving')({ url }),
    progress: event('progress'),
    upToDate: event('upToDate'),
    modelChange: (facts, prices) =>
      event('modelChange')({ ...facts, ...(prices && { cost: cloudCost(facts.cloud, prices) }) }),
    building: event('building'),
    modelChanged: (models) => event('modelChanged')({ models }),
    warning: (message) => event('warning')({ message }),
    error: (message) => event('error')({ message }),
  };
}

function createTextReporter(out: Output, colour: boolean): Reporter {
  const paint = (format: Parameters<typeof styleText>[0], text: string) =>
    colour ? styleText(format, text, { validateStream: false }) : text;
  let barShown = false;
  let lastPlainMs = 0;
  const clearBar = () => {
    if (barShown) out.write('\r\u001b[2K');
    barShown = false;
  };
  const line = (text: string) => {
    clearBar();
    out.write(`${text}\n`);
  };
  const bar = (verb: string, done: number, total: number, text: string) => {
    if (out.isTTY) {
      const filled = Math.round((BAR_CELLS * done) / Math.max(1, total));
      const cells = paint('cyan', '█'.repeat(filled)) + paint('dim', '░'.repeat(BAR_CELLS - filled));
      const room = Math.max(10, (out.columns ?? 80) - BAR_CELLS - 4);
      out.write(`\r\u001b[2K  ${cells} ${text.slice(0, room)}`);
      barShown = true;
    } else if (Date.now() - lastPlainMs >= PLAIN_EVERY_MS) {
      lastPlainMs = Date.now();
      line(`  ${verb} ${text}`);
    }
  };
  return {
    starting: ({ version, model, data, folders }) => {
      line(`${paint('bold', 'Chiasm')} ${version} · model ${model} · index in ${data}`);
      for (const folder of folders) line(`  ${paint('dim', 'folder')}  ${folder}`);
    },
    serving: (url) => {
      line(`  ${paint('dim', 'search')}  ${paint('cyan', url)}`);
      line(`  ${paint('dim', 'API')}     ${paint('cyan', `${url}docs`)}`);
    },
    progress: (backlog) => {
      if (backlog.pending > 0) bar('indexing', backlog.done, backlog.done + backlog.pending, describeProgress(backlog));
    },
    modelChange: (facts, prices) => {
      for (const text of describeModelChange(facts, prices)) line(`  ${text}`);
    },
    building: (now) => {
      const backlog = { ...now, pending: now.total - now.done, dead: 0 };
      bar('building', now.done, now.total, `new index: ${describeProgress(backlog)}`);
    },
    modelChanged: (models) => line(`${paint('green', '✓')} searches are answered by ${models.join(', ')} from now on`),
    upToDate: ({ indexed, failed, seconds, failures }) => {
      const rate = indexed + failed > 0 && seconds > 0 ? `, ${formatRate((indexed + failed) / seconds)} items/s` : '';
      const news =
        indexed + failed > 0
          ? `${count(indexed, 'item')} indexed in ${formatSeconds(seconds)}${rate}`
          : 'nothing new to index';
      line(`${paint('green', '✓')} ${news}`);
      if (failed === 0) return;
      line(`${paint('yellow', '!')} ${count(failed, 'file')} could not be indexed:`);
      for (const { key, reason } of failures) line(`    ${key}  ${paint('dim', reason)}`);
      if (failed > failures.length)
        line(`    and ${failed - failures.length} more; GET /v1/items?status=failed lists them all`);
    },
    warning: (message) => line(`${paint('yellow', '!')} ${message}`),
    error: (message) => line(`${paint('red', '✗')} ${message}`),
  };
}

/** What a person should know before another model takes over. */
export function describeModelChange(facts: ModelChangeFacts, prices?: CloudPrices): string[] {
  const { from, to, unembedded, estimate, cloud } = facts;
  const { items, seconds, sizeBytes, samples } = estimate;
  const sampled = samples.reduce((sum, sample) => sum + sample.sampled, 0);
  const lines = [
    `the index was made with ${from.join(', ')}; one for ${to.join(', ')} is built beside it, which answers once it is whole`,
    `${count(items, 'item')} to embed: about ${formatSeconds(seconds)} here (measured on ${count(sampled, 'item')}), about ${formatBytes(sizeBytes)} more on disk`,
    `in the cloud: ${formatNumber(cloud.instanceHours)} h of an instance as fast as this machine, ${cloud.reads.toLocaleString('en')} reads, ${cloud.writes.toLocaleString('en')} writes, ${formatNumber(cloud.gigabytes)} GB kept`,
  ];
  if (prices !== undefined) {
    const { once, monthly } = cloudCost(cloud, prices);
    lines.push(`at these prices: ${formatNumber(once)} once and ${formatNumber(monthly)} a month`);
  }
  if (unembedded.length > 0) lines.push(`not embedded by it, so found by words only: ${unembedded.join(', ')}`);
  lines.push('stop at any moment: the next start goes on');
  return lines;
}

/** Three digits that count: `0.0412`, `3.14`, `272`. */
function formatNumber(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function formatBytes(bytes: number): string {
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** `612 of 866 · 142 items/s · 2 s left · 1 failed` */
export function describeProgress(backlog: Backlog): string {
  const facts = [`${backlog.done.toLocaleString('en')} of ${(backlog.done + backlog.pending).toLocaleString('en')}`];
  if (backlog.itemsPerSecond !== undefined) facts.push(`${formatRate(backlog.itemsPerSecond)} items/s`);
  if (backlog.secondsLeft !== undefined) facts.push(`${formatSeconds(backlog.secondsLeft)} left`);
  if (backlog.failed > 0) facts.push(`${backlog.failed.toLocaleString('en')} failed`);
  return facts.join(' · ');
}

export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function formatRate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString('en');
}

function count(n: number, noun: string): string {
  return `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;
}
