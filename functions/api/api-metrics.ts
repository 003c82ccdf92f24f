/** What is measured of the API and read of the system when Prometheus asks. */

import type { MiddlewareHandler } from 'hono';
import type { ApiEnv } from './api-env.ts';
import type { AppDependencies } from './app-dependencies.ts';
import { createMetricsRegistry } from './metrics-registry.ts';

/** Seconds; from a cached thumbnail to a question answered. */
const DURATION_BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

export interface ApiMetrics {
  /** Counts and times every request by method, route and status. */
  readonly middleware: MiddlewareHandler<ApiEnv>;
  searched(tookMs: { readonly encode: number; readonly search: number; readonly total: number }): void;
  text(): string;
}

/** @param routeOf the pattern of the route that answers a request: a label with few values, whatever the keys are */
export function createApiMetrics(deps: AppDependencies, routeOf: (method: string, path: string) => string): ApiMetrics {
  const registry = createMetricsRegistry();
  const requests = registry.counter('chiasm_http_requests_total', 'Requests answered.');
  const durations = registry.histogram(
    'chiasm_http_request_seconds',
    'Time from request to headers of the answer.',
    DURATION_BOUNDS,
  );
  const searches = registry.histogram('chiasm_search_seconds', 'Time of a search by stage.', DURATION_BOUNDS);
  readSystem(deps, registry);
  return {
    middleware: async (c, next) => {
      const startedAt = performance.now();
      await next();
      const labels = { method: c.req.method, route: routeOf(c.req.method, c.req.path) };
      requests.add({ ...labels, status: c.res.status });
      durations.observe((performance.now() - startedAt) / 1000, labels);
    },
    searched: (tookMs) => {
      searches.observe(tookMs.encode / 1000, { stage: 'encode' });
      searches.observe(tookMs.search / 1000, { stage: 'search' });
    },
    text: registry.text,
  };
}

/** Nothing of the index is told while it is being loaded. */
function readSystem(deps: AppDependencies, registry: ReturnType<typeof createMetricsRegistry>): void {
  const whenLoaded = <Value>(read: () => readonly Value[]) => (deps.health().status === 'starting' ? [] : read());
  registry.gauge('chiasm_ready', '1 when searches are answered.', () => [
    { value: deps.health().status === 'starting' ? 0 : 1 },
  ]);
  registry.gauge('chiasm_items', 'Items by modality and status.', () =>
    whenLoaded(() =>
      deps.spaces.items.statistics().counts.map(({ modality, status, items }) => ({
        labels: { modality: modality ?? 'unknown', status },
        value: items,
      })),
    ),
  );
  registry.gauge('chiasm_index_parts', 'Parts in the index.', () =>
    whenLoaded(() => [{ value: deps.spaces.items.statistics().parts }]),
  );
  registry.gauge('chiasm_index_fresh_parts', 'Parts that the live generation does not hold yet.', () =>
    whenLoaded(() => [{ value: deps.spaces.items.statistics().freshParts }]),
  );
  registry.gauge('chiasm_index_generation', 'Number of the live generation.', () =>
    whenLoaded(() => [{ value: deps.spaces.items.statistics().generation }]),
  );
  registry.gauge('chiasm_queue_messages', 'Changes that are pending or were given up.', () =>
    whenLoaded(() => {
      const { pending, dead } = deps.ingest.backlog();
      return [
        { labels: { state: 'pending' }, value: pending },
        { labels: { state: 'dead' }, value: dead },
      ];
    }),
  );
  registry.gauge('process_resident_memory_bytes', 'Resident memory.', () => [{ value: process.memoryUsage.rss() }]);
}
