/** Structured logs: an event name and fields. Where lines go is decided where the program is composed. */

import type { Clock } from './clock.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** A log that adds `fields` to every line. */
  with(fields: LogFields): Log;
}

const RANK: Record<LogLevel, number> = { debug: 0, info: 1, warn: 2, error: 3 };

/** A log that hands each entry of at least `level` to `write`. */
export function createLog(
  write: (level: LogLevel, event: string, fields: LogFields) => void,
  level: LogLevel = 'info',
  base: LogFields = {},
): Log {
  const at =
    (entryLevel: LogLevel) =>
    (event: string, fields: LogFields = {}) => {
      if (RANK[entryLevel] >= RANK[level]) write(entryLevel, event, { ...base, ...fields });
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => createLog(write, level, { ...base, ...fields }),
  };
}

/** One JSON object a line: time, level, event, then the fields. Errors are written with code, message and stack. */
export function createJsonLog(writeLine: (line: string) => void, clock: Clock, level: LogLevel = 'info'): Log {
  return createLog((entryLevel, event, fields) => {
    const time = new Date(clock.now()).toISOString();
    writeLine(JSON.stringify({ time, level: entryLevel, event, ...fields }, describeErrors));
  }, level);
}

export const silentLog: Log = createLog(() => {});

function describeErrors(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  return { ...value, name: value.name, message: value.message, stack: value.stack, cause: value.cause };
}
