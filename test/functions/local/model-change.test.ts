/** Another model: its index is built beside the one that answers, then takes over as a whole. */

import { mkdtemp, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { spaceKeys } from '#shared/core/state-keys.ts';
import { dropSpace, updateSpaceRecord } from '#shared/spaces/space-record.ts';
import { createFileObjectStore } from '#shared/store/file-object-store.ts';
import { makeModelFolder } from '../../models/make-model-folder.ts';
import { keysUnder } from '../api/api-fixture.ts';
import { COLOURS, colourPicture } from '../console/console-harness.ts';
import { addPictures, startLocal, writeMedia } from './local-system.ts';
import { type Program, startProgram } from './start-program.ts';

let models: string;
let root: string;
let former: string;
let next: string;
const programs: Program[] = [];

beforeAll(async () => {
  models = await mkdtemp(join(tmpdir(), 'chiasm-models-'));
  former = await makeModelFolder(join(models, 'former'), { seed: 1 });
  next = await makeModelFolder(join(models, 'next'), { seed: 2, dimensions: 48 });
});
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'chiasm-change-'));
  await writeMedia(root);
  return async () => {
    await Promise.all(programs.splice(0).map((program) => program.signal('SIGKILL')));
    await rm(root, { recursive: true, force: true });
  };
});
afterAll(() => rm(models, { recursive: true, force: true }));

async function indexWith(model: string): Promise<void> {
  const system = await startLocal(root, [model]);
  await system.settle();
  await system.spaces.compact();
  await system.close();
}

const stateStore = () => createFileObjectStore(join(root, 'data', 'state'));
const idsOf = (spaces: readonly { readonly id: string }[]) => spaces.map(({ id }) => id);
const nearRed = 'image';

describe('a change of the model', () => {
  it('answers from the former index, as a whole, until the new one holds everything; then from that', async () => {
    await indexWith(former);
    const system = await startLocal(root, [next]);
    const before = await system.get('/v1/spaces');
    expect(before.live[0].dimensions).toBe(32);
    expect(before.building).toMatchObject({ done: 0, total: 11, failed: 0, progress: 0, former: 'keep' });
    expect(before.building.spaces[0].dimensions).toBe(48);
    const all = [...(await system.search('red'))].sort();
    expect(all).toHaveLength(COLOURS.length + 3);

    let switched = false;
    const building = system.spaces.build().finally(() => {
      switched = true;
    });
    let searches = 0;
    while (!switched || searches < 3) {
      const { results, index } = await system.get('/v1/search?q=red&limit=100&mode=vector');
      expect(results.map(({ key }: { key: string }) => key).sort()).toEqual(all);
      expect(results[0].probability).toBeGreaterThan(0.5); // cosines of two spaces would give nonsense
      expect(index.items).toBe(11);
      searches += 1;
    }
    expect(await building).toEqual({ kind: 'switched' });
    const after = await system.get('/v1/spaces');
    expect(idsOf(after.live)).toEqual(idsOf(before.building.spaces));
    expect(after.live[0]).toMatchObject({ items: 11, modalities: ['image', 'audio', 'text'] });
    expect(after.building).toBeUndefined();
    expect(after.kept).toMatchObject([{ id: before.live[0].id, model: former, dimensions: 32 }]);
    expect(after.kept[0].sizeBytes).toBeGreaterThan(1_000);
    expect((await system.search('red', `&modality=${nearRed}`))[0]).toMatch(/red|crimson/);
    expect((await system.get('/v1/models')).models.map(({ space }: any) => space.dimensions)).toEqual([48]);
    await system.close();

    const again = await startLocal(root, [next]);
    expect(await again.spaces.catchUp()).toBe(0);
    expect((await again.get('/v1/spaces')).building).toBeUndefined();
  });

  it('takes in what is uploaded, changed and deleted meanwhile', async () => {
    await indexWith(former);
    const system = await startLocal(root, [next]);
    await system.put('new.png', await colourPicture('red'));
    await system.put('goes.png', await colourPicture('red'));
    await system.spaces.idle();
    expect(await system.search('red')).toContain('goes.png'); // the live one takes it in at once
    expect((await system.request('/v1/objects/goes.png', { method: 'DELETE' })).status).toBe(204);
    expect((await system.request('/v1/objects/colours/blue.png', { method: 'DELETE' })).status).toBe(204);
    const building = system.spaces.build();
    await system.put('late.png', await colourPicture('blue'));
    await building;
    await system.spaces.idle();
    const found = await system.search('blue');
    expect(found).toEqual(expect.arrayContaining(['new.png', 'late.png', 'colours/red.png']));
    expect(found).not.toContain('goes.png');
    expect(found).not.toContain('colours/blue.png');
  });

  it('goes back to a kept index without embedding again what is in it', async () => {
    await indexWith(former);
    const there = await startLocal(root, [next]);
    const indexedAt = (await there.get('/v1/items/colours/red.png')).indexedAt;
    await there.spaces.build();
    await there.close();
    await addPictures(root, { 'added.png': await colourPicture('red') });

    const back = await startLocal(root, [former]);
    await back.settle();
    expect(await back.spaces.build()).toEqual({ kind: 'switched' });
    expect((await back.get('/v1/items/colours/red.png')).indexedAt).toBe(indexedAt);
    expect(await back.search('red')).toContain('added.png');
    expect((await back.get('/v1/spaces')).kept).toMatchObject([{ dimensions: 48 }]);
  });

  it('erases the former index when it shall not be kept, and a kept one when asked to', async () => {
    await indexWith(former);
    const system = await startLocal(root, [next], { formerSpaces: 'drop' });
    const [{ id }] = (await system.get('/v1/spaces')).live;
    await system.spaces.build();
    expect(await keysUnder(stateStore(), spaceKeys(id).prefix)).toEqual([]);
    expect((await system.get('/v1/spaces')).kept).toEqual([]);
    await system.close();

    const back = await startLocal(root, [former]);
    await back.spaces.build();
    const { live, kept } = await back.get('/v1/spaces');
    expect((await back.request(`/v1/spaces/${live[0].id}`, { method: 'DELETE' })).status).toBe(409);
    expect((await back.request('/v1/spaces/unknown', { method: 'DELETE' })).status).toBe(404);
    expect((await back.request(`/v1/spaces/${kept[0].id}`, { method: 'DELETE' })).status).toBe(204);
    expect(await keysUnder(stateStore(), spaceKeys(kept[0].id).prefix)).toEqual([]);
  });

  it('finishes an erasure that was interrupted before the space is used again', async () => {
    await indexWith(former);
    const there = await startLocal(root, [next]);
    await there.spaces.build();
    const [{ id }] = (await there.get('/v1/spaces')).kept;
    await there.close();
    await updateSpaceRecord(stateStore(), (record) => dropSpace(record!, id));
    for (const key of await keysUnder(stateStore(), spaceKeys(id).generations)) await stateStore().delete(key);

    const back = await startLocal(root, [former]);
    expect((await back.get('/v1/spaces')).building).toMatchObject({ done: 0, total: 11 });
    expect(await back.spaces.build()).toEqual({ kind: 'switched' });
  });

  it('leaves no trace of an erased item in any index', async () => {
    await indexWith(former);
    const system = await startLocal(root, [next]);
    await system.spaces.build();
    await system.put('secret-name.png', await colourPicture('red')); // in the new index only
    await system.spaces.idle();
    for (const key of ['colours/red.png', 'secret-name.png']) {
      const receipt = await system.request(`/v1/objects/${key}?erase=true`, { method: 'DELETE' });
      expect(receipt.status).toBe(200);
      const { files } = (await receipt.json()) as { files: { key: string }[] };
      expect(new Set(files.map((file) => file.key.split('/')[1])).size).toBe(2); // of both spaces
    }
    await system.close();
    for (const key of await keysUnder(stateStore(), 'spaces/')) {
      const { bytes } = (await stateStore().get(key))!;
      expect(Buffer.from(bytes).includes('secret-name'), key).toBe(false);
      expect(Buffer.from(bytes).includes('colours/red.png'), key).toBe(false);
    }
  });

  it('ends when the new space is dropped, and nothing else has changed', async () => {
    await indexWith(former);
    const system = await startLocal(root, [next]);
    const { building, live } = await system.get('/v1/spaces');
    const build = system.spaces.build();
    expect((await system.request(`/v1/spaces/${building.spaces[0].id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await build).kind).toBe('stopped');
    expect(await system.get('/v1/spaces')).toEqual({ live, kept: [] });
    expect(await keysUnder(stateStore(), spaceKeys(building.spaces[0].id).prefix)).toEqual([]);
    expect(await system.search('red')).toHaveLength(11);
  });

  it('waits for a decision when the new index lacks what the former one has', async () => {
    await indexWith(former);
    const system = await startLocal(root, [next]);
    const [line] = system.spaces.building!.members;
    line.encoder.embedAudio = () => Promise.reject(new Error('no sound today'));
    const outcome = await system.spaces.build();
    expect(outcome).toMatchObject({ kind: 'held', reason: expect.stringContaining('2 items') });
    expect((await system.get('/v1/spaces')).building.held).toContain('2 items');
    expect(await system.search('low')).toContain('sounds/low.wav');
    expect((await system.request('/v1/spaces/switch', { method: 'POST' })).status).toBe(200);
    expect(await system.search('low')).not.toContain('sounds/low.wav');
    expect((await system.request('/v1/spaces/switch', { method: 'POST' })).status).toBe(409);
  }, 30_000);

  it('is estimated on a sample before anything is done', async () => {
    await indexWith(former);
    const system = await startLocal(root, [next], { estimateOnly: true });
    const { items, seconds, sizeBytes, samples } = await system.spaces.estimate();
    expect(items).toBe(11);
    expect(samples.map(({ modality, sampled }) => [modality, sampled])).toEqual([
      ['image', 8],
      ['audio', 2],
      ['text', 1],
    ]);
    expect(seconds).toBeGreaterThan(0);
    expect(sizeBytes).toBeGreaterThan(10_000);
    await system.close();
    expect((await startLocal(root, [former]).then(({ get }) => get('/v1/spaces'))).building).toBeUndefined();
  });

  it('makes do without the former model: the new index answers while it fills', async () => {
    const gone = await makeModelFolder(join(root, 'gone'), { seed: 3 });
    await indexWith(gone);
    await rm(gone, { recursive: true });
    const system = await startLocal(root, [next]);
    expect(system.spaces.notices[0]).toContain('cannot be used now');
    expect((await system.get('/v1/spaces')).live[0].dimensions).toBe(48);
    await system.settle();
    expect(await system.search('red')).toHaveLength(11);
  });
});

describe('the program, killed in the middle of a change of the model', () => {
  it('answers from the former index after each start and goes on with the new one where it stopped', async () => {
    const pictures: Record<string, Uint8Array> = {};
    for (let i = 0; i < 250; i++) pictures[`${i}.png`] = await colourPicture(`rgb(${i}, ${255 - i}, 40)`, 24, 24);
    await addPictures(root, pictures);
    const args = [join(root, 'media'), '--data', join(root, 'data')];
    const first = await startProgram([...args, '--model', former, '--once']);
    programs.push(first);
    expect(await first.exited).toEqual({ code: 0 });

    let done = 0;
    for (const share of [0.2, 0.6]) {
      const program = await startProgram([...args, '--model', next]);
      programs.push(program);
      const facts = await program.event('modelChange');
      expect(facts).toMatchObject({ from: [former], to: [next], unembedded: [] });
      expect((facts.estimate as { items: number }).items).toBeLessThanOrEqual(261 - done);
      for (;;) {
        const { body } = await program.get('v1/spaces');
        if (body.building === undefined) break; // too fast for the kill
        expect(body.building.done).toBeGreaterThanOrEqual(done);
        const answer = await program.get('v1/search?q=red&limit=100&mode=vector');
        expect(answer.body.index.items).toBe(261);
        if (body.building.progress >= share) {
          done = body.building.done;
          break;
        }
        await sleep(10);
      }
      await program.signal('SIGKILL');
    }
    await unlink(join(root, 'media', '0.png'));

    const last = await startProgram([...args]); // which goes on with what was wanted
    programs.push(last);
    expect(await last.event('modelChanged')).toMatchObject({ models: [next] });
    const { body } = await last.get('v1/spaces');
    expect(body.live[0]).toMatchObject({ dimensions: 48, items: 260 });
    expect(body.kept).toHaveLength(1);
    expect(await last.signal('SIGTERM')).toEqual({ code: 0 });
  }, 120_000);
});
