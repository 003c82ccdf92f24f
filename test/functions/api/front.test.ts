import { OpenAPIHono } from '@hono/zod-openapi';
import { describe, expect, it } from 'vitest';
import type { ApiApp, ApiEnv } from '#functions/api/api-env.ts';
import { createFollower } from '#functions/api/follow.ts';
import { createFront } from '#functions/api/front.ts';
import { requestIdentity } from '#functions/api/guards.ts';
import { createEmfMetrics } from '#functions/cloud/emf.ts';
import { reseedRandom } from '#functions/cloud/reseed-random.ts';
import { createManualClock } from '#shared/core/clock.ts';

const ORIGIN = 'https://console.example.org';
const clock = createManualClock();

function createUnderTest(consoleOrigin?: string) {
  const app: ApiApp = new OpenAPIHono<ApiEnv>();
  app.use(requestIdentity());
  app.get('/v1/objects/:key', (c) => c.text('bytes'));
  app.get('/v1/broken', (c) => c.text('', 503));
  const calls: string[] = [];
  const lines: any[] = [];
  const metrics = createEmfMetrics((line) => lines.push(JSON.parse(line)), clock, 'Chiasm', { stage: 'test' });
  const front = createFront(
    {
      app,
      metrics,
      clock,
      follow: async () => void calls.push('follow'),
      indexState: () => ({ degraded: calls.length > 1, unfoldedSinceMs: clock.now() - 1_500 }),
      onFirstRequest: () => calls.push('first'),
    },
    { consoleOrigin },
  );
  return { front, calls, lines };
}

describe('what stands before the app', () => {
  it('looks for news before a request, and does once what the first one needs', async () => {
    const { front, calls } = createUnderTest();
    await front.request('/v1/health');
    await front.request('/v1/objects/a');
    expect(calls).toEqual(['first', 'follow']);
  });

  it('writes one line for a request, with metrics and without keys or queries', async () => {
    const { front, lines } = createUnderTest();
    const headers = { 'x-request-id': 'mine', 'x-amzn-trace-id': 'Root=1-2-3' };
    await front.request('/v1/objects/secret%20name?q=private', { headers });
    await front.request('/v1/broken');
    expect(lines[0]).toMatchObject({ route: '/v1/objects', status: 200, requestId: 'mine', traceId: 'Root=1-2-3' });
    expect(JSON.stringify(lines)).not.toMatch(/secret|private/);
    expect(lines.map(({ IndexDegraded, FoldingDelay }) => [IndexDegraded, FoldingDelay])).toEqual([
      [1, 1.5],
      [1, 1.5],
    ]);
    expect(lines[0]._aws).toEqual({
      Timestamp: clock.now(),
      CloudWatchMetrics: [
        {
          Namespace: 'Chiasm',
          Dimensions: [['stage']],
          Metrics: [
            { Name: 'IndexDegraded', Unit: 'Count' },
            { Name: 'FoldingDelay', Unit: 'Seconds' },
          ],
        },
      ],
    });
  });

  it("lets pages of the console's origin read its answers, and no others", async () => {
    const { front } = createUnderTest(ORIGIN);
    const own = await front.request('/v1/objects/a', { headers: { origin: ORIGIN } });
    expect(own.headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect(own.headers.get('cross-origin-resource-policy')).toBe('cross-origin');
    const other = await front.request('/v1/objects/a', { headers: { origin: 'https://evil.example' } });
    expect(other.headers.get('access-control-allow-origin')).not.toBe('https://evil.example');
    const closed = await createUnderTest().front.request('/v1/objects/a', { headers: { origin: ORIGIN } });
    expect(closed.headers.get('access-control-allow-origin')).toBeNull();
    expect(closed.headers.get('cross-origin-resource-policy')).toBe('same-origin');
  });
});

describe('following the index', () => {
  it('looks when the last look is too old, once for all who ask', async () => {
    let looks = 0;
    const look = async () => {
      looks += 1;
    };
    const follow = createFollower(look, clock, { maxAgeMs: 1_000 });
    await Promise.all([follow(), follow()]);
    await follow();
    expect(looks).toBe(1);
    clock.advance(1_000);
    await follow();
    expect(looks).toBe(2);
  });

  it('does not let a request wait for a look that takes long', async () => {
    const gate = Promise.withResolvers<void>();
    const follow = createFollower(() => gate.promise, clock, { maxWaitMs: 10 });
    await follow();
    gate.resolve();
    await follow();
  });
});

describe('random numbers after a restore', () => {
  it('are others in each copy of a snapshot', () => {
    const original = Math.random;
    try {
      const draws = Array.from({ length: 3 }, () => {
        reseedRandom();
        return Array.from({ length: 1_000 }, () => Math.random());
      });
      expect(new Set(draws.map((values) => values.slice(0, 5).join())).size).toBe(3);
      for (const values of draws) {
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        expect(Math.abs(mean - 0.5)).toBeLessThan(0.06); // six standard errors
        expect(values.every((value) => value >= 0 && value < 1)).toBe(true);
      }
    } finally {
      Math.random = original;
    }
  });
});
