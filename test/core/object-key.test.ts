import { describe, expect, it } from 'vitest';
import { objectKeyProblem, parseObjectKey } from '#shared/core/object-key.ts';

describe('object keys', () => {
  it.each(['a', 'a/b.jpg', 'with space/100%.png', 'München/🌄.webp', '..hidden', 'a..b', 'x'.repeat(1024)])(
    'admit %j',
    (key) => {
      expect(parseObjectKey(key)).toBe(key);
    },
  );

  it.each([
    '',
    '/a',
    'a/',
    'a//b',
    '..',
    'a/../b',
    './a',
    'a/.',
    'a\u0000b',
    'a\nb',
    'a\\b',
    'x'.repeat(1025),
    'é'.repeat(513),
    '\ud800',
  ])('refuse %j with the rule', (key) => {
    expect(objectKeyProblem(key)).toMatch(/^a key must/);
    expect(() => parseObjectKey(key)).toThrowError(expect.objectContaining({ code: 'invalid_key' }));
  });
});
