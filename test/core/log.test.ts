import { describe, expect, it } from 'vitest';
import { createManualClock } from '#shared/core/clock.ts';
import { ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import { createJsonLog } from '#shared/core/log.ts';

function logged(level: 'debug' | 'info' | 'warn' | 'error') {
  const lines: string[] = [];
  return {
    log: createJsonLog((line) => lines.push(line), createManualClock(0), level),
    lines: () => lines.map((line) => JSON.parse(line)),
  };
}

describe('the JSON log', () => {
  it('writes one object a line, with time, level, event and fields', () => {
    const { log, lines } = logged('info');
    log.with({ space: 's' }).info('opened', { parts: 3 });
    expect(lines()).toEqual([
      { time: '1970-01-01T00:00:00.000Z', level: 'info', event: 'opened', space: 's', parts: 3 },
    ]);
  });

  it('leaves out what is below its level', () => {
    const { log, lines } = logged('warn');
    log.info('quiet');
    log.error('loud');
    expect(lines().map(({ event }) => event)).toEqual(['loud']);
  });

  it('describes errors with code, message and cause', () => {
    const { log, lines } = logged('info');
    const cause = new Error('disk');
    log.error('failed', { error: new ChiasmError('storage_unavailable', 'no room', { cause, retryable: true }) });
    expect(lines()[0].error).toMatchObject({
      code: 'storage_unavailable',
      message: 'no room',
      retryable: true,
      cause: { message: 'disk' },
    });
  });
});

describe('toChiasmError', () => {
  it('keeps a ChiasmError and wraps a stranger as internal with its cause', () => {
    const known = new ChiasmError('not_found', 'x');
    const stranger = new TypeError('y');
    expect(toChiasmError(known)).toBe(known);
    expect(toChiasmError(stranger)).toMatchObject({ code: 'internal', message: 'y', cause: stranger });
  });
});
