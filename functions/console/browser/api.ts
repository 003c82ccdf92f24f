/** The calls of the HTTP API that the console makes, and what it reads of the answers. */

export type Modality = 'image' | 'audio' | 'text';

export type PartRange =
  | { readonly startSeconds: number; readonly endSeconds: number }
  | { readonly startChar: number; readonly endChar: number };

export type AttributeValue = string | number | boolean | null | readonly (string | number | boolean)[];

/** What a tile shows of an item before anything is loaded. */
export interface Preview {
  readonly width?: number;
  readonly height?: number;
  /** `#rrggbb` */
  readonly averageColour?: string;
  readonly durationSeconds?: number;
  /** Peaks, 0 to 1. */
  readonly waveform?: readonly number[];
  readonly title?: string;
}

/** What items and search results have in common: enough to draw a tile. */
export interface Entry {
  readonly key: string;
  readonly modality: Modality | null;
  readonly contentType: string;
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly preview: Preview;
}

export interface Result extends Entry {
  /** Null where nothing could be estimated. */
  readonly probability: number | null;
  readonly part: PartRange | null;
  /** What found it: the vectors, the words themselves, or both. */
  readonly matched: 'vector' | 'text' | 'both';
  /** The matched words stand between U+0002 and U+0003. */
  readonly snippet?: string;
}

export interface Item extends Entry {
  readonly sizeBytes: number;
  readonly status: 'pending' | 'indexed' | 'failed';
  readonly failure?: { readonly code: string; readonly message: string };
  /** What is said in a sound, where a model listened. */
  readonly transcript?: readonly { readonly startSeconds: number; readonly text: string }[];
  readonly indexedAt?: string;
}

export interface SearchAnswer {
  readonly results: readonly Result[];
  readonly nextCursor?: string;
  readonly tookMs: { readonly total: number };
}

export interface ItemPage {
  readonly items: readonly Item[];
  readonly nextCursor?: string;
}

export interface Stats {
  readonly items: { readonly pending: number; readonly indexed: number; readonly failed: number };
  readonly modalities: Readonly<Record<string, { readonly indexed: number; readonly failed: number }>>;
  readonly index: {
    readonly generation: number;
    readonly parts: number;
    readonly fresh: number;
    /** Why an older state is served than should be. */
    readonly degraded?: string;
  };
  /** The index of another model that is being built. */
  readonly building?: { readonly progress: number; readonly secondsLeft?: number };
  readonly queue: { readonly dead: number; readonly itemsPerSecond?: number; readonly secondsLeft?: number };
}

export interface Model {
  readonly name: string;
  readonly space: { readonly dimensions: number };
  readonly modalities: readonly string[];
  readonly active: boolean;
  readonly licence?: string;
  readonly description?: string;
}

export interface Spaces {
  readonly live: readonly { readonly id: string }[];
  readonly building?: {
    readonly spaces: readonly { readonly id: string }[];
    readonly progress: number;
    readonly done: number;
    readonly total: number;
    readonly failed: number;
    readonly secondsLeft?: number;
    /** Why the switch waits for a person. */
    readonly held?: string;
    readonly estimate?: { readonly seconds: number };
  };
  readonly kept: readonly { readonly id: string; readonly model: string; readonly sizeBytes: number }[];
}

export interface Job {
  readonly id: string;
  readonly status: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';
  /** 0 to 1. */
  readonly progress: number;
  readonly curve: readonly { readonly values: Readonly<Record<string, number>> }[];
  readonly failure?: { readonly message: string };
}

interface Measured {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface Classifier {
  /** In ascending order. */
  readonly versions: readonly {
    readonly version: number;
    readonly tasks: readonly { readonly classes: readonly string[] }[];
    readonly metrics: Readonly<
      Record<
        string,
        { readonly rows: number; readonly accuracy: Measured; readonly confusion?: readonly (readonly number[])[] }
      >
    >;
  }[];
}

export interface Answer {
  /** As it was understood. */
  readonly question: string;
  /** Null when abstained. */
  readonly answer: string | null;
  readonly confidence: number;
  /** The likeliest first; led by the best guess when abstained. */
  readonly alternatives: readonly { readonly answer: string; readonly confidence: number }[];
  readonly evidence: readonly { readonly key: string; readonly part: PartRange | null }[];
  readonly abstained: boolean;
  readonly basis:
    | { readonly kind: 'image' }
    | { readonly kind: 'items'; readonly query: string; readonly read: number }
    | {
        readonly kind: 'matches';
        readonly query: string;
        readonly minProbability: number;
        readonly matches: number;
        readonly expected: number;
      };
}

export interface UploadTarget {
  readonly url: string;
  readonly method: 'PUT';
  readonly headers: Readonly<Record<string, string>>;
}

/** A problem document of the API, or the lack of any answer. `message` is its `detail`: written for people. */
export class ApiProblem extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'ApiProblem';
    this.status = status;
  }
}

export interface Api {
  readonly search: (body: object, signal?: AbortSignal) => Promise<SearchAnswer>;
  readonly answer: (body: object, signal?: AbortSignal) => Promise<Answer>;
  readonly items: (parameters: Readonly<Record<string, string>>, signal?: AbortSignal) => Promise<ItemPage>;
  /** Undefined when there is no such item. */
  readonly item: (key: string, signal?: AbortSignal) => Promise<Item | undefined>;
  readonly remove: (key: string) => Promise<void>;
  /** Indexes all failed items again. */
  readonly retry: () => Promise<{ readonly queued: number }>;
  readonly stats: (signal?: AbortSignal) => Promise<Stats>;
  readonly spaces: () => Promise<Spaces>;
  readonly switchSpaces: () => Promise<unknown>;
  readonly dropSpace: (id: string) => Promise<unknown>;
  readonly models: () => Promise<{ readonly models: readonly Model[] }>;
  readonly createUpload: (upload: { key: string; contentType: string; sizeBytes: number }) => Promise<UploadTarget>;
  readonly train: (request: object) => Promise<Job>;
  readonly job: (id: string) => Promise<Job>;
  readonly cancel: (id: string) => Promise<void>;
  readonly classifier: (name: string) => Promise<Classifier>;
  readonly classify: (
    request: object,
  ) => Promise<{ readonly labels: readonly { readonly name: string; readonly probability: number }[] }>;
  /** The object itself; for text and for what a protected server does not give to a plain `<img>`. */
  readonly object: (path: string, init?: RequestInit) => Promise<Response>;
  /** Set once the server asked for a key: then media elements cannot load objects by themselves. */
  readonly isProtected: () => boolean;
}

export function objectPath(key: string, thumbnailWidth?: number): string {
  const path = `./v1/objects/${key.split('/').map(encodeURIComponent).join('/')}`;
  return thumbnailWidth === undefined ? path : `${path}?thumbnail=${thumbnailWidth}`;
}

const KEY_STORAGE = 'chiasm-api-key';

/** @param askForKey shows the dialog that asks for an API key; called once at a time however many calls were refused */
export function createApi(askForKey: (refused: boolean) => Promise<string>): Api {
  let apiKey = sessionStorage.getItem(KEY_STORAGE) ?? undefined;
  let asking: Promise<void> | undefined;

  const askOnce = () => {
    asking ??= askForKey(apiKey !== undefined)
      .then((key) => {
        apiKey = key;
        sessionStorage.setItem(KEY_STORAGE, key);
      })
      .finally(() => {
        asking = undefined;
      });
    return asking;
  };

  async function call(path: string, init: RequestInit = {}): Promise<Response> {
    const sentKey = apiKey;
    const headers = new Headers(init.headers);
    if (sentKey !== undefined) {
      headers.set('authorization', `Bearer ${sentKey}`);
      headers.set('x-api-key', sentKey); // where Amazon API Gateway looks for it
    }
    const response = await fetch(path, { ...init, headers }).catch((error: unknown) => {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      throw new ApiProblem(0, 'The server does not answer. Is it still running?');
    });
    if (response.ok) return response;
    if (response.status === 401) {
      if (apiKey === sentKey) await askOnce(); // another call may have brought a new key meanwhile
      return call(path, init);
    }
    throw await problem(response);
  }

  const json = async <T>(path: string, init?: RequestInit): Promise<T> => (await call(path, init)).json() as Promise<T>;
  const post = <T>(path: string, body: object, signal?: AbortSignal) =>
    json<T>(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
      ...(signal && { signal }),
    });
  const itemPath = (key: string) => objectPath(key).replace('/v1/objects/', '/v1/items/');

  return {
    search: (body, signal) => post('./v1/search', body, signal),
    answer: (body, signal) => post('./v1/answer', body, signal),
    items: (parameters, signal) => json(`./v1/items?${new URLSearchParams(parameters)}`, signal && { signal }),
    item: (key, signal) =>
      json<Item>(itemPath(key), signal && { signal }).catch((error: unknown) => {
        if (error instanceof ApiProblem && error.status === 404) return undefined;
        throw error;
      }),
    remove: async (key) => {
      await call(objectPath(key), { method: 'DELETE' });
    },
    retry: () => post('./v1/retries', {}),
    stats: (signal) => json('./v1/stats', signal && { signal }),
    models: () => json('./v1/models'),
    spaces: () => json('./v1/spaces'),
    switchSpaces: () => call('./v1/spaces/switch', { method: 'POST' }),
    dropSpace: (id) => call(`./v1/spaces/${encodeURIComponent(id)}`, { method: 'DELETE' }),
    createUpload: (upload) => post('./v1/uploads', upload),
    train: async (request) => (await post<{ readonly job: Job }>('./v1/classifiers', request)).job,
    job: (id) => json(`./v1/jobs/${id}`),
    cancel: async (id) => {
      await call(`./v1/jobs/${id}`, { method: 'DELETE' });
    },
    classifier: (name) => json(`./v1/classifiers/${encodeURIComponent(name)}`),
    classify: (request) => post('./v1/classify', request),
    object: call,
    isProtected: () => apiKey !== undefined,
  };
}

async function problem(response: Response): Promise<ApiProblem> {
  const body: unknown = await response.json().catch(() => undefined);
  const { detail, title } = (body ?? {}) as { detail?: string; title?: string };
  return new ApiProblem(response.status, detail ?? title ?? `The server answered ${response.status}.`);
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

/** Whether the server has only just begun and will answer in a moment. */
export function isStarting(error: unknown): boolean {
  return error instanceof ApiProblem && error.status === 503;
}

/** What to tell a person about whatever was thrown. */
export function explain(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
