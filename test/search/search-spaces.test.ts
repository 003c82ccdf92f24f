/** Search over several spaces, as of a model for pictures and words beside one for sounds and words. */

import { describe, expect, it } from 'vitest';
import type { Modality } from '#shared/core/modality.ts';
import { normalize } from '#shared/core/vector.ts';
import type { ContentEmbedder } from '#shared/encoders/embed-content.ts';
import type { Calibration, ModalityPair } from '#shared/encoders/space.ts';
import type { QueryTerm, SearchRequest } from '#shared/search/query.ts';
import { createSearch } from '#shared/search/search.ts';
import type { SpaceBridge, SpaceBridges } from '#shared/spaces/space-bridge.ts';
import { assignModalities } from '#shared/spaces/space-set.ts';
import { createMemoryObjectStore } from '#shared/store/memory-object-store.ts';
import { type ListedItem, listedItem, listIndex } from './list-index.ts';

const axis = (d: number, dimensions: number) => Float32Array.from({ length: dimensions }, (_, i) => (i === d ? 1 : 0));
const vector = (...values: number[]) => normalize(Float32Array.from(values));

interface SpaceSettings {
  readonly name: string;
  readonly dimensions: number;
  readonly towers: readonly Modality[];
  readonly searched: readonly Modality[];
  readonly calibration: Readonly<Partial<Record<ModalityPair, Calibration>>>;
}

/** Words lie on the first axis, pictures on the one that their first byte names, sounds likewise. */
function servedSpace(settings: SpaceSettings, entries: readonly ListedItem[]) {
  const { name, dimensions, calibration, towers, searched } = settings;
  const { index, vectorQueries } = listIndex(entries);
  const embedder: ContentEmbedder = {
    texts: async (texts) => texts.map(() => axis(0, dimensions)),
    image: async (bytes) => axis(bytes[0] ?? 0, dimensions),
    audio: async (bytes) => axis(bytes[0] ?? 0, dimensions),
  };
  const encoder = { space: { id: name, dimensions, calibration }, modalities: new Set(towers), queryTemplates: {} };
  return { index, embedder, encoder, modalities: new Set(searched), vectorQueries };
}

const PICTURES: SpaceSettings = {
  name: 'pictures-1',
  dimensions: 4,
  towers: ['image', 'text'],
  searched: ['image', 'text'],
  calibration: {
    'image-text': { scale: 10, bias: -5 },
    'text-text': { scale: 10, bias: -9 },
    'image-image': { scale: 10, bias: -5 },
  },
};
const SOUNDS: SpaceSettings = {
  name: 'sounds-1',
  dimensions: 3,
  towers: ['audio', 'text'],
  searched: ['audio'],
  calibration: { 'audio-text': { scale: 20, bias: -12 }, 'audio-audio': { scale: 20, bias: -12 } },
};

const picture = (key: string, ...values: number[]) =>
  listedItem(key, 'image', [{ range: null, vector: vector(...values) }]);
const sound = (key: string, ...values: number[]) =>
  listedItem(key, 'audio', [{ range: { startSeconds: 0, endSeconds: 5 }, vector: vector(...values) }]);
const withoutVectors = ({ item }: ListedItem) => ({ item, parts: [{ range: null }] });

function searchOver(
  pictures: readonly ListedItem[],
  sounds: readonly ListedItem[],
  change: { readonly sounds?: Partial<SpaceSettings>; readonly bridges?: SpaceBridges } = {},
) {
  // the first space holds every item, the second one its own only
  const first = servedSpace(PICTURES, [...pictures, ...sounds.map(withoutVectors)]);
  const second = servedSpace({ ...SOUNDS, ...change.sounds }, sounds);
  const mediaStore = createMemoryObjectStore();
  const { search } = createSearch({
    spaces: [first, second],
    mediaStore,
    ...(change.bridges && { bridges: change.bridges }),
  });
  const ask = (request: Partial<SearchRequest>) =>
    search({ terms: [text('red')], mode: 'vector', limit: 20, ...request });
  return { ask, mediaStore, first, second };
}

const text = (words: string, weight = 1): QueryTerm => ({ kind: 'text', text: words, weight });
const bytes = (kind: 'image' | 'audio', ...values: number[]): QueryTerm => ({
  kind,
  source: { kind: 'data', bytes: Uint8Array.from(values) },
  weight: 1,
});
const keysOf = (answer: { readonly results: readonly { readonly key: string }[] }) =>
  answer.results.map(({ key }) => key);

describe('a search over two spaces', () => {
  // logits of words: pictures 10 c - 5, sounds 20 c - 12
  const pictures = [picture('p-likely', 1, 0, 0, 0), picture('p-less', 0.6, 0.8, 0, 0)]; // 5, 1
  const sounds = [sound('s-likely', 1, 0, 0), sound('s-less', 0.7, Math.sqrt(0.51), 0)]; // 8, 2

  it('merges what words find in both by match probability', async () => {
    const { ask } = searchOver(pictures, sounds);
    const { results, warnings } = await ask({});
    expect(keysOf({ results })).toEqual(['s-likely', 'p-likely', 's-less', 'p-less']);
    for (const [i, logit] of [8, 5, 2, 1].entries()) {
      expect(results[i]!.probability).toBeCloseTo(1 / (1 + Math.exp(-logit)), 5);
    }
    expect(warnings).toBeUndefined();
  });

  it('pages through the one ranking, and holds the threshold in each space', async () => {
    const { ask } = searchOver(pictures, sounds);
    const first = await ask({ limit: 3 });
    const second = await ask({ limit: 3, cursor: first.nextCursor! });
    expect([...keysOf(first), ...keysOf(second)]).toEqual(['s-likely', 'p-likely', 's-less', 'p-less']);
    const likely = await ask({ minProbability: 0.85 }); // logit 1.73
    expect(keysOf(likely)).toEqual(['s-likely', 'p-likely', 's-less']);
    expect(likely.belowThreshold).toBe(1);
  });

  it('asks only the space of the modalities that are wanted', async () => {
    const { ask, first, second } = searchOver(pictures, sounds);
    expect(keysOf(await ask({ modalities: ['audio'] }))).toEqual(['s-likely', 's-less']);
    expect([first.vectorQueries.length, second.vectorQueries.length]).toEqual([0, 1]);
    expect(keysOf(await ask({ modalities: ['image'] }))).toEqual(['p-likely', 'p-less']);
    expect([first.vectorQueries.length, second.vectorQueries.length]).toEqual([1, 1]);
  });

  it('interleaves by rank where a space has no calibration, whose probability stays unknown', async () => {
    const { ask } = searchOver(pictures, sounds, { sounds: { calibration: {} } });
    const { results } = await ask({});
    expect(keysOf({ results })).toEqual(['p-likely', 's-likely', 'p-less', 's-less']);
    expect(results.map(({ probability }) => probability === undefined)).toEqual([false, true, false, true]);
  });

  it('says that a sound does not reach pictures', async () => {
    const { ask } = searchOver(pictures, sounds);
    const answer = await ask({ terms: [bytes('audio', 0)] });
    expect(keysOf(answer)).toEqual(['s-likely', 's-less']);
    expect(answer.warnings).toMatchObject([{ code: 'unreached', terms: ['audio'], modalities: ['image'] }]);
    expect(answer.warnings![0]!.message).toContain('pictures-1');
    expect((await ask({ terms: [bytes('audio', 0)], modalities: ['audio'] })).warnings).toBeUndefined();
    expect(await ask({ terms: [bytes('audio', 0)], modalities: ['image'] })).toMatchObject({
      results: [],
      warnings: [{ code: 'unreached' }],
    });
  });

  /** From sounds to pictures: the axes 0, 1, 2 become 1, 0, 2. */
  const alignment: SpaceBridge = {
    name: 'heard-and-seen',
    from: 'sounds-1',
    to: 'pictures-1',
    bridge: async ([x, y, z]) => Float32Array.of(y!, x!, z!, 0),
  };
  const bridges: SpaceBridges = {
    into: async (id) => [alignment].filter(({ to }) => to === id),
  };

  it('reaches pictures with a sound through an alignment, as probably as its calibration says', async () => {
    // logits of sounds over the bridge: 10 c - 7
    const calibration = { from: 'audio', to: 'image', scale: 10, bias: -7 } as const;
    const calibrated: SpaceBridges = {
      into: async (id) => [{ ...alignment, calibration }].filter(({ to }) => to === id),
    };
    const { ask } = searchOver(pictures, sounds, { bridges: calibrated });
    const answer = await ask({ terms: [bytes('audio', 0)] });
    expect(answer.warnings).toBeUndefined();
    const chances = new Map(answer.results.map(({ key, probability }) => [key, probability]));
    expect(chances.get('p-less')).toBeCloseTo(1 / (1 + Math.exp(-1)), 5); // cosine 0.8
    expect(chances.get('p-likely')).toBeCloseTo(1 / (1 + Math.exp(7)), 5);
    expect(keysOf(answer)).toEqual(['s-likely', 's-less', 'p-less', 'p-likely']); // logits 8, 2, 1, -7
    const nothing = await ask({ terms: [bytes('audio', 0)], modalities: ['image'], minProbability: 0.9 });
    expect(nothing).toMatchObject({ results: [], belowThreshold: 2 });
    const without = [text('red'), { ...bytes('audio', 0), weight: -0.5 }];
    const likely = (await ask({ terms: without, modalities: ['image'] })).results.find(({ key }) => key === 'p-less');
    // words alone 10 x 0.6 - 5; less what the sound finds
    expect(likely!.probability).toBeCloseTo((1 / (1 + Math.exp(-1))) * Math.sqrt(1 - 1 / (1 + Math.exp(-1))), 5);
  });

  it('says that no probability is known where an alignment was trained on other kinds of content, or on too little', async () => {
    const heard: SpaceBridge = { ...alignment, calibration: { from: 'text', to: 'image', scale: 10, bias: -7 } };
    const other = searchOver(pictures, sounds, { bridges: { into: async (id) => (id === heard.to ? [heard] : []) } });
    const asked = await other.ask({ terms: [bytes('audio', 0)], modalities: ['image'] });
    expect(asked.warnings).toMatchObject([{ code: 'uncalibrated' }]);
    const { ask } = searchOver(pictures, sounds, { bridges });
    const answer = await ask({ terms: [bytes('audio', 0)], modalities: ['image'] });
    expect(answer.results.map(({ key, probability }) => [key, probability])).toEqual([
      ['p-less', undefined],
      ['p-likely', undefined],
    ]);
    expect(answer.results[0]!.score).toBeCloseTo(0.8, 5);
    expect(answer.warnings).toMatchObject([{ code: 'uncalibrated', terms: ['audio'], modalities: ['image'] }]);
    expect(answer.warnings![0]!.message).toContain('heard-and-seen');
    const like = await ask({ terms: [{ kind: 'item', key: 's-less', weight: 1 }] });
    expect(like.results.map(({ modality }) => modality).sort()).toEqual(['audio', 'audio', 'image', 'image']);
    expect((await ask({ terms: [bytes('audio', 0)], minProbability: 0.5 })).results).toMatchObject([
      { key: 's-likely' },
      { key: 's-less' },
    ]);
  });

  it('needs no alignment where the model of the space embeds the term', async () => {
    const { ask } = searchOver(pictures, sounds, { bridges });
    const plain = searchOver(pictures, sounds);
    const { results, warnings } = await ask({});
    expect(results).toEqual((await plain.ask({})).results);
    expect(warnings).toBeUndefined();
  });

  it('compares each item with the terms that its model embeds', async () => {
    const { ask } = searchOver(pictures, sounds);
    const answer = await ask({ terms: [text('red'), bytes('image', 1)] });
    const scores = new Map(answer.results.map(({ key, score }) => [key, score]));
    expect(scores.get('p-less')).toBeCloseTo((0.6 + 0.8) / Math.SQRT2, 5);
    expect(scores.get('s-less')).toBeCloseTo(0.7, 5);
    expect(answer.warnings).toMatchObject([{ terms: ['image'], modalities: ['audio'] }]);
  });

  it('takes the vector of an item from the space that it lies in', async () => {
    const { ask } = searchOver(pictures, sounds);
    const like = await ask({ terms: [{ kind: 'item', key: 's-less', weight: 1 }] });
    expect(keysOf(like)).toEqual(['s-less', 's-likely']);
    expect(like.results[0]!.score).toBeCloseTo(1, 5);
    expect(like.warnings).toMatchObject([{ terms: ['audio'], modalities: ['image'] }]);
  });

  it('gives a hit by words the probability of the space of its modality', async () => {
    const { ask } = searchOver(pictures, sounds);
    const { results } = await ask({ terms: [text('s-less')], mode: 'lexical' });
    expect(results).toMatchObject([{ key: 's-less', matched: 'text' }]);
    expect(results[0]!.probability).toBeCloseTo(1 / (1 + Math.exp(-2)), 5);
  });

  it('refuses a term that no model embeds', async () => {
    const { ask, first } = searchOver(pictures, sounds, { sounds: { towers: ['text'] } });
    first.embedder.audio = () => Promise.reject(new Error('embeds image, text'));
    await expect(ask({ terms: [bytes('audio', 0)] })).rejects.toThrow('embeds image, text');
  });

  it('finds in its own space only what is assigned to it', async () => {
    // the first model embeds sounds as well, in its own way, and they are searched in the second
    const everything = servedSpace({ ...PICTURES, towers: ['image', 'text', 'audio'] }, [
      ...pictures,
      sound('s-likely', 0, 0, 0, 1),
    ]);
    const second = servedSpace(SOUNDS, [sound('s-likely', 1, 0, 0)]);
    const { search } = createSearch({ spaces: [everything, second], mediaStore: createMemoryObjectStore() });
    const { results } = await search({ terms: [text('red')], mode: 'vector', limit: 20 });
    expect(keysOf({ results })).toEqual(['s-likely', 'p-likely', 'p-less']);
  });
});

describe('assignModalities', () => {
  const set = (...modalities: Modality[]) => new Set(modalities);

  it('gives each modality to the first model that embeds it', () => {
    expect(assignModalities([set('image', 'text'), set('audio', 'text')])).toEqual([
      set('image', 'text'),
      set('audio'),
    ]);
  });

  it('gives a modality to the model that is chosen for it, which then has no other', () => {
    const all = set('image', 'audio', 'text');
    expect(assignModalities([all, set('audio', 'text')], [undefined, set('audio')])).toEqual([
      set('image', 'text'),
      set('audio'),
    ]);
  });
});
