/** What the program tells the person (or the machine) that started it: a bar on a terminal, plain lines, or JSON lines. */

import type { WriteStream } from 'node:tty';
import { styleText } from 'node:util';
import type { Backlog } from '#shared/ingest/inbox.ts';

export interface Summary {
  readonly indexed: number;
  readonly failed: number;
  readonly seconds: number;
  /** The first failures, for a person to see. */
  readonly failures: readonly { readonly key: string; readonly reason: string }[];
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
      if (backlog.pending === 0) return;
      const text = describeProgress(backlog);
      if (out.isTTY) {
        const total = backlog.done + backlog.pending;
        const filled = Math.round((BAR_CELLS * backlog.done) / total);
        const bar = paint('cyan', '█'.repeat(filled)) + paint('dim', '░'.repeat(BAR_CELLS - filled));
        const room = Math.max(10, (out.columns ?? 80) - BAR_CELLS - 4);
        out.write(`\r\u001b[2K  ${bar} ${text.slice(0, room)}`);
        barShown = true;
      } else if (Date.now() - lastPlainMs >= PLAIN_EVERY_MS) {
        lastPlainMs = Date.now();
        line(`  indexing ${text}`);
      }
    },
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
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.round((seconds % 3_600) / 60)} min`;
}

function formatRate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond).toLocaleString('en');
}

function count(n: number, noun: string): string {
  return `${n.toLocaleString('en')} ${noun}${n === 1 ? '' : 's'}`;
}
