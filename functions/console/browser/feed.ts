/** What a view lists: the answers of a search, or the collection itself, page by page. */

import type { Api, Entry } from './api.ts';
import { createLatest } from './latest.ts';
import { filters, searchBody } from './search-body.ts';
import { isSearch, type View } from './view.ts';

export interface FeedPage {
  readonly entries: readonly Entry[];
  readonly hasMore: boolean;
}

export interface Feed {
  /** The first page; undefined when a newer call has taken its place. */
  readonly first: (view: View, delayMs?: number) => Promise<FeedPage | undefined>;
  /** Everything so far and one page more. */
  readonly more: () => Promise<FeedPage | undefined>;
  readonly forget: (key: string) => FeedPage;
}

const PAGE_ITEMS = 40;

export function createFeed(api: Api): Feed {
  const latest = createLatest();
  let view: View | undefined;
  let entries: readonly Entry[] = [];
  let cursor: string | undefined;
  let turning = 0; // first pages that are on their way

  async function load(of: View, from: string | undefined, signal: AbortSignal) {
    const page = { limit: PAGE_ITEMS, ...(from !== undefined && { cursor: from }) };
    if (isSearch(of)) {
      const { results, nextCursor } = await api.search(await searchBody(of, page), signal);
      return { loaded: results, nextCursor };
    }
    const { filter } = filters({ ...of, prefix: '' });
    const { items, nextCursor } = await api.items(
      {
        status: 'indexed',
        limit: String(PAGE_ITEMS),
        ...(from !== undefined && { cursor: from }),
        ...(of.modality !== undefined && { modality: of.modality }),
        ...(of.prefix !== '' && { prefix: of.prefix }),
        ...(filter !== undefined && { filter: JSON.stringify(filter) }),
      },
      signal,
    );
    return { loaded: items, nextCursor };
  }
  const page = (): FeedPage => ({ entries, hasMore: cursor !== undefined });

  return {
    first: async (of, delayMs) => {
      turning += 1;
      const answer = await latest
        .run((signal) => load(of, undefined, signal), delayMs)
        .finally(() => {
          turning -= 1;
        });
      if (answer === undefined) return undefined;
      view = of;
      entries = answer.loaded;
      cursor = answer.nextCursor;
      return page();
    },
    more: async () => {
      const [of, from] = [view, cursor];
      if (of === undefined || from === undefined || turning > 0) return undefined; // more of what is about to go would stop what comes
      const answer = await latest.run((signal) => load(of, from, signal));
      if (answer === undefined) return undefined;
      const known = new Set(entries.map(({ key }) => key)); // the index may have moved between two pages
      entries = [...entries, ...answer.loaded.filter(({ key }) => !known.has(key))];
      cursor = answer.nextCursor;
      return page();
    },
    forget: (key) => {
      entries = entries.filter((entry) => entry.key !== key);
      return page();
    },
  };
}
