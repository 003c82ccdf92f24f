import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../../store/temporary-folder.ts';
import { startProgram } from './start-program.ts';

it('ends with the code of the signal when --once is interrupted, and the next start does the rest', async () => {
  const root = await temporaryFolder();
  const folder = join(root, 'notes');
  await mkdir(folder);
  await writeFile(join(folder, 'harbour.txt'), 'The first boats leave with their lamps lit.');
  const args = [folder, '--once', '--data', join(root, 'data')];
  const interrupted = await startProgram(args);
  while (!existsSync(join(root, 'data', 'media'))) await sleep(10); // it works, and the model is being loaded
  await sleep(50);
  expect(await interrupted.signal('SIGINT')).toEqual({ code: 130 });
  expect(interrupted.events.at(-1)).toMatchObject({ event: 'warning', message: expect.stringContaining('goes on') });
  const whole = await startProgram(args);
  expect(await whole.event('upToDate')).toMatchObject({ indexed: 1, failed: 0 });
  expect(await whole.exited).toEqual({ code: 0 });
}, 120_000);
