import { describe, expect, it } from 'vitest';
import { parseArguments } from '#functions/cli/arguments.ts';
import { createReporter, describeModelChange, describeProgress, formatSeconds } from '#functions/cli/reporter.ts';
import { readEnvironment } from '#functions/local/env.ts';
import { cloudCost, cloudQuantities } from '#shared/ingest/estimate-build.ts';

const CLEAR = '\r\u001b[2K';

function reporter(options: { isTTY: boolean; json?: boolean; colour?: boolean }) {
  let text = '';
  const out = {
    isTTY: options.isTTY,
    columns: 80,
    write: (chunk: string | Uint8Array) => {
      text += chunk;
      return true;
    },
  };
  return {
    report: createReporter(out, { json: options.json ?? false, colour: options.colour ?? false }),
    text: () => text,
  };
}

const backlog = { pending: 254, done: 612, failed: 1, dead: 0, itemsPerSecond: 142.3, secondsLeft: 1.79 };
const summary = { indexed: 866, failed: 1, seconds: 6.1, failures: [{ key: 'a.jpg', reason: 'the file is empty' }] };

describe('the reporter', () => {
  it('says how far it is, how fast, and how long it will take', () => {
    expect(describeProgress(backlog)).toBe('612 of 866 · 142 items/s · 1.8 s left · 1 failed');
  });

  it('draws a bar on a terminal and clears it before the next line', () => {
    const { report, text } = reporter({ isTTY: true });
    report.progress(backlog);
    report.warning('careful');
    const bar = `${'█'.repeat(17)}${'░'.repeat(7)}`;
    expect(text()).toContain(`${CLEAR}  ${bar} 612 of 866`);
    expect(
      text().endsWith(`${CLEAR}! careful
`),
    ).toBe(true);
  });

  it('writes plain lines elsewhere, and no colour', () => {
    const { report, text } = reporter({ isTTY: false, colour: true });
    report.progress(backlog);
    report.progress(backlog); // not again within seconds
    report.upToDate(summary);
    expect(text()).toBe(
      '  indexing 612 of 866 · 142 items/s · 1.8 s left · 1 failed\n✓ 866 items indexed in 6.1 s, 142 items/s\n! 1 file could not be indexed:\n    a.jpg  the file is empty\n',
    );
  });

  it('writes one JSON object a line for machines', () => {
    const { report, text } = reporter({ isTTY: true, json: true });
    report.serving('http://127.0.0.1:8787/');
    report.upToDate(summary);
    const events = text()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toEqual([
      { event: 'serving', url: 'http://127.0.0.1:8787/' },
      { event: 'upToDate', ...summary },
    ]);
  });

  it.each([
    [0.3, '0.3 s'],
    [42, '42 s'],
    [61, '1 min 1 s'],
    [239.7, '4 min 0 s'],
    [3_599.6, '1 h 0 min'],
    [3_660, '1 h 1 min'],
  ])('writes %d seconds as %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});

describe('a change of the model', () => {
  const estimate = { items: 7_200, seconds: 1_800, sizeBytes: 2e9, samples: [] };
  const cloud = cloudQuantities(estimate);
  const facts = { from: ['starter'], to: ['dinov2-small'], unembedded: ['audio', 'text'], estimate, cloud };

  it('is told with what it takes, in the cloud as quantities times prices', () => {
    const prices = { instanceHour: 2, thousandReads: 0.5, thousandWrites: 4, gigabyteMonth: 0.03 };
    const text = describeModelChange(facts, prices).join('\n');
    expect(text).toContain('made with starter; one for dinov2-small is built beside it');
    expect(text).toContain('7,200 items to embed: about 30 min 0 s here');
    expect(text).toContain('0.5 h of an instance as fast as this machine, 7,200 reads, 15 writes, 2 GB kept');
    expect(cloudCost(cloud, prices)).toEqual({ once: 0.5 * 2 + 7.2 * 0.5 + 0.015 * 4, monthly: 0.06 });
    expect(text).toContain('4.66 once and 0.06 a month');
    expect(text).toContain('found by words only: audio, text');
    expect(cloudQuantities(estimate, 40).instanceHours).toBe(7_200 / 40 / 3_600);
  });

  it('takes models joined by commas or repeated, and prices by their names', () => {
    expect(parseArguments(['--model', 'a,b:audio', '--model', 'c'], {}).models).toEqual(['a', 'b:audio', 'c']);
    expect(() => parseArguments(['--model', ' , '], {})).toThrow(/--model/);
    expect(() => parseArguments(['--prices', 'instanceHour=1'], {})).toThrow(/thousandReads=NUMBER/);
  });
});

describe('arguments and environment', () => {
  it('prefers the command line to the environment to the defaults', () => {
    const environment = readEnvironment({ PORT: '9000', CHIASM_DATA: '/data', HOST: '' });
    expect(parseArguments(['photos', '--port', '9001'], environment)).toMatchObject({
      folders: ['photos'],
      port: 9001,
      data: '/data',
      host: '127.0.0.1',
      models: undefined,
    });
  });

  it('names what it does not understand', () => {
    expect(() => parseArguments(['--port', 'many'], {})).toThrow(
      /--port: expected a number from 0 to 65535, got "many"/,
    );
    expect(() => parseArguments(['--colour'], {})).toThrow(/--colour.*--help/s);
    expect(() => readEnvironment({ PORT: 'http' })).toThrow(/PORT/);
  });

  it('splits keys at commas', () => {
    expect(readEnvironment({ CHIASM_API_KEYS: ' a, b ,' }).CHIASM_API_KEYS).toEqual(['a', 'b']);
  });
});
