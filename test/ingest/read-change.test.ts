import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock } from '#shared/core/clock.ts';
import { createUlidGenerator } from '#shared/core/ulid.ts';
import { readChange } from '#shared/ingest/read-change.ts';
import { s3Sequencer, sequencerAfter } from '#shared/ingest/sequencer.ts';
import { s3Event } from './s3-event.ts';

const BUCKET = 'media';

describe('a message of the work queue', () => {
  it.each(['photo.jpg', 'a b/ü 😀+%20&"\'.jpg', 'x'.repeat(1024), 'percent%2Fencoded', '\uffff'])(
    'is an S3 event about the key as it is: %j',
    (key) => {
      const body = JSON.stringify(s3Event('Object Created', { bucket: BUCKET, key, sequencer: '0055AED6DCD90281E5' }));
      expect(readChange(body, BUCKET)).toEqual({ operation: 'put', key, sequencer: 's3:0055aed6dcd90281e5' });
    },
  );

  it('asks for a look at what was deleted, since only an old version may be gone', () => {
    const body = JSON.stringify(s3Event('Object Deleted', { bucket: BUCKET, key: 'k', sequencer: '00A0' }));
    expect(readChange(body, BUCKET)).toEqual({ operation: 'put', key: 'k', sequencer: 's3:00a' });
  });

  it('is an entry of a listing, which has no place among the changes of its key', () => {
    const detail = { bucket: { name: BUCKET }, object: { key: 'k', size: 1, etag: 'e' } };
    const body = JSON.stringify({ source: 'chiasm.import', 'detail-type': 'Object Listed', detail });
    expect(readChange(body, BUCKET)).toEqual({ operation: 'put', key: 'k' });
  });

  it("is one of Chiasm's own", () => {
    const message = { operation: 'put', key: 'k', sequencer: '01J0000000000000000000000A' };
    expect(readChange(JSON.stringify(message), BUCKET)).toEqual(message);
  });

  it.each(['folder/', '/absolute', 'a//b', 'a/../b', 'a\\b'])('about %j needs no work', (key) => {
    const body = JSON.stringify(s3Event('Object Created', { bucket: BUCKET, key, sequencer: '00' }));
    expect(readChange(body, BUCKET)).toBeUndefined();
  });

  it.each([
    'no JSON',
    '{}',
    'null',
    '[]',
    '{"source":"aws.ec2","detail-type":"EC2 Instance State-change Notification","detail":{}}',
    '{"operation":"put","key":"../x","sequencer":"1"}',
    JSON.stringify(s3Event('Object Created', { bucket: BUCKET, key: 'k', sequencer: 'not hex' })),
    JSON.stringify(s3Event('Object Created', { bucket: BUCKET, key: '', sequencer: '00' })),
    JSON.stringify(s3Event('Object Created', { bucket: 'other', key: 'k', sequencer: '00' })),
  ])('is refused with what was expected: %s', (body) => {
    expect(() => readChange(body, BUCKET)).toThrow(/expected an/);
  });
});

describe('sequencers', () => {
  const hexadecimal = fc.stringMatching(/^[0-9A-F]{1,20}$/);

  it('of S3 are ordered as if the shorter one were padded with zeros on the right', () => {
    fc.assert(
      fc.property(hexadecimal, hexadecimal, (a, b) => {
        const length = Math.max(a.length, b.length);
        const [paddedA, paddedB] = [a.padEnd(length, '0'), b.padEnd(length, '0')];
        const [x, y] = [s3Sequencer(a), s3Sequencer(b.toLowerCase())];
        expect([x < y, x > y]).toEqual([paddedA < paddedB, paddedA > paddedB]);
      }),
    );
  });

  it('of what follows from an event come after it and before every later event', () => {
    fc.assert(
      fc.property(hexadecimal, hexadecimal, fc.integer({ min: 1, max: 4 }), (a, b, steps) => {
        const [earlier, later] = [s3Sequencer(a), s3Sequencer(b)].sort();
        let own = earlier!;
        for (let step = 0; step < steps; step++) {
          expect(sequencerAfter(own) > own).toBe(true);
          own = sequencerAfter(own);
        }
        if (earlier !== later) expect(own < later!).toBe(true);
      }),
    );
  });

  it('of events come after those that a program gives itself, and those after what was only listed', () => {
    const own = createUlidGenerator(systemClock)();
    expect(own < s3Sequencer('0')).toBe(true);
    expect(sequencerAfter(own) < s3Sequencer('0')).toBe(true);
    expect(sequencerAfter(undefined) < own).toBe(true);
  });
});
