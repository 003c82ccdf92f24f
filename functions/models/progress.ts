/** Progress of a pull: a bar on a terminal, a line every few seconds elsewhere, JSON for machines. */

import type { WriteStream } from 'node:tty';
import { formatSeconds } from '#functions/cli/reporter.ts';
import type { PullProgress } from '#shared/models/pull/pull-model.ts';
import { formatBytes } from './print-list.ts';

type Output = Pick<WriteStream, 'write' | 'isTTY'>;

const BAR_CELLS = 24;
const BAR_EVERY_MS = 100;
const LINE_EVERY_MS = 5_000;

export interface Progress {
  update(progress: PullProgress): void;
  /** Takes the bar away. */
  end(): void;
}

export function createProgress(out: Output, name: string, options: { readonly json: boolean }): Progress {
  const startedMs = performance.now();
  let shownMs = 0;
  let firstBytes: number | undefined;
  const everyMs = out.isTTY && !options.json ? BAR_EVERY_MS : LINE_EVERY_MS;
  return {
    update: ({ receivedBytes, totalBytes }) => {
      firstBytes ??= receivedBytes; // what was here before says nothing about the speed
      const nowMs = performance.now();
      if (nowMs - shownMs < everyMs && shownMs > 0) return;
      shownMs = nowMs;
      if (options.json) {
        out.write(`${JSON.stringify({ event: 'progress', name, receivedBytes, totalBytes })}\n`);
        return;
      }
      const perSecond = (receivedBytes - firstBytes) / Math.max(0.1, (nowMs - startedMs) / 1000);
      const left = perSecond > 0 ? ` · ${formatSeconds((totalBytes - receivedBytes) / perSecond)} left` : '';
      const text = `${formatBytes(receivedBytes)} of ${formatBytes(totalBytes)} · ${formatBytes(perSecond)}/s${left}`;
      const filled = Math.round((BAR_CELLS * receivedBytes) / Math.max(1, totalBytes));
      const bar = '█'.repeat(Math.min(BAR_CELLS, filled)).padEnd(BAR_CELLS, '░');
      out.write(out.isTTY ? `\r\u001b[2K  ${bar} ${text}` : `  ${name} ${text}\n`);
    },
    end: () => {
      if (out.isTTY && !options.json) out.write('\r\u001b[2K');
    },
  };
}
