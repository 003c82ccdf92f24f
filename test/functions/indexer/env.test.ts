import { describe, expect, it } from 'vitest';
import { readEnvironment } from '#functions/indexer/env.ts';

const VARIABLES = {
  CHIASM_MEDIA_BUCKET: 'media',
  CHIASM_STATE_BUCKET: 'state',
  CHIASM_QUEUE_URL: 'https://sqs.eu-central-1.amazonaws.com/123456789012/work',
  CHIASM_MODEL_FOLDER: '/opt/model',
};

describe('the environment of an indexer', () => {
  it('has defaults for what is not about this deployment', () => {
    const { CHIASM_DEVICE, CHIASM_LOG_LEVEL, CHIASM_STAGE } = readEnvironment({ ...VARIABLES, CHIASM_STAGE: '' });
    expect([CHIASM_DEVICE, CHIASM_LOG_LEVEL, CHIASM_STAGE]).toEqual(['cpu', 'info', 'dev']);
  });

  it('names every variable that is missing or wrong', () => {
    const wrong = { ...VARIABLES, CHIASM_STATE_BUCKET: '', CHIASM_DEVICE: 'tpu' };
    expect(() => readEnvironment(wrong)).toThrow(/CHIASM_STATE_BUCKET.*CHIASM_DEVICE/);
  });
});
