import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished, vi } from 'vitest';
import { createLastRecall } from '#functions/api/last-recall.ts';
import { watchRecall } from '#functions/local/watch-recall.ts';
import { compact } from '#shared/vector-index/compact.ts';
import { temporaryFolder } from '../../store/temporary-folder.ts';
import { bodyOf, createFixture } from '../api/api-fixture.ts';

it('measures recall in the background once after each compaction, when nothing waits, and the statistics show it', async () => {
  const lastRecall = createLastRecall();
  const { deps, put, settle, request, close } = await createFixture({ lastRecall });
  onTestFinished(close);
  const { stateStore: store, clock, log, spaces } = deps;
  const [{ index, encoder }] = spaces.members;
  const scratchFolder = await temporaryFolder();
  const fold = async () => {
    await compact({ store, space: encoder.space, clock, log, scratchFolder });
    await index.refresh();
  };
  const state = { busy: true };
  const watch = watchRecall({ members: () => spaces.members, isBusy: () => state.busy, lastRecall, clock, log }, 5);
  onTestFinished(() => watch.close());

  for (const name of ['red', 'green', 'blue']) await put(`/v1/objects/${name}.txt`, name);
  await settle();
  await fold();
  await sleep(50);
  expect(lastRecall.value).toBeUndefined(); // something else is to be done
  state.busy = false;
  await vi.waitFor(() => expect(lastRecall.value).toMatchObject({ recall: 1, samples: 3 }));
  expect((await bodyOf(request('/v1/stats'))).recall).toEqual(lastRecall.value);

  const first = lastRecall.value;
  await sleep(50);
  expect(lastRecall.value).toBe(first); // nothing has changed
  await put('/v1/objects/white.txt', 'white');
  await settle();
  await fold();
  await vi.waitFor(() => expect(lastRecall.value).toMatchObject({ recall: 1, samples: 4 }));
});
