/** Settings are refused with the name of what is wrong, before anything is synthesised. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readStageSettings } from '../../infra/stage-settings.ts';

const read = (settings: unknown) => readStageSettings({ main: settings }, 'main');

describe('the settings of a stage', () => {
  it('have defaults for everything', () => {
    expect(read({})).toMatchObject({
      stage: 'main',
      model: 'starter',
      gpu: { maxTasks: 1 },
      api: { authorization: 'api-key' },
    });
  });

  it('of cdk.json are right', () => {
    const { context } = JSON.parse(readFileSync(join(import.meta.dirname, '../../cdk.json'), 'utf8'));
    expect(readStageSettings(context.chiasm, context.stage).stage).toBe('main');
  });

  it('are taken from the stage that is asked for', () => {
    const stages = { test: { gpu: { maxTasks: 0 } }, main: {} };
    expect(readStageSettings(stages, 'test').gpu.maxTasks).toBe(0);
    expect(() => readStageSettings(stages, 'prod')).toThrow(
      'no stage "prod" in the context "chiasm"; it has test, main',
    );
  });

  it.each([
    [{ gpus: {} }, /main: .*gpus/],
    [{ gpu: { maxTasks: -1 } }, /main\.gpu\.maxTasks: /],
    [{ smallLane: { concurrency: 1 } }, /expected 0 \(off\) or 2 to 100/],
    [{ smallLane: { concurrency: 0 }, gpu: { maxTasks: 0 } }, /nothing would index/],
    [{ trainer: { hardware: 'gpu' }, gpu: { maxTasks: 0 } }, /gpu\.maxTasks is 0/],
    [{ api: { coldStart: 'snapstart' } }, /512 MB of disk/],
    [{ api: { coldStart: 'provisioned', provisioned: 3, concurrency: 2 } }, /more functions warm/],
    [{ api: { consoleOrigin: 'https://example.org/console' } }, /expected an origin/],
    [{ media: { existingBucket: 'mine', keepReplacedDays: 3 } }, /keeps its own life cycle/],
    [{ operations: { monthlyBudgetUsd: 5 } }, /needs operations\.alarmEmail/],
    [{ model: 'siglip' }, /main\.model: .*"starter"\|"siglip2-base"/],
    [{ model: 'whisper-base' }, /main\.model: /],
    [{ speech: 'siglip2-base' }, /main\.speech: .*"whisper-base"/],
    ['fast', /main: /],
  ])('%j is refused', (settings, message) => {
    expect(() => read(settings)).toThrow(message);
  });

  it.each(['', 'Main', 'a-name-that-is-too-long', 'x/y'])('the stage %j is refused', (stage) => {
    expect(() => readStageSettings({ [stage]: {} }, stage)).toThrow(/^stage: expected/);
  });
});
