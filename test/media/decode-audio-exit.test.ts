import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const MODULE = new URL('../../shared/media/decode-audio.ts', import.meta.url).href;
const FIXTURE = join(import.meta.dirname, 'fixtures/tone.ogg');

it('a program that has decoded a sound can end', async () => {
  const program = `import(${JSON.stringify(MODULE)}).then(async ({ decodeAudio }) => {
    const bytes = require('node:fs').readFileSync(${JSON.stringify(FIXTURE)});
    const { samples } = await decodeAudio(bytes, 'ogg-vorbis', { sampleRateHz: 16000 });
    console.log(samples.length > 0);
  });`;
  const args = ['--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 }); // rejects when it has to be killed
  expect(stdout).toBe('true\n');
});
