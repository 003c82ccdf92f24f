import { describe, expect, it } from 'vitest';
import { readSegments } from '#shared/speech/read-segments.ts';

/** Text is below 100, the end of text is 100, time stamps begin at 200. */
const special = { timestampBegin: 200, endOfText: 100 };
const at = (seconds: number) => 200 + Math.round(seconds * 50);
const read = (...tokens: number[]) => readSegments([...tokens, 100], special, 30);

describe("Whisper's tokens", () => {
  it('are segments between time stamps; a window that ends with one is over', () => {
    expect(read(at(0), 1, 2, at(1.2), at(1.5), 3, at(4))).toEqual({
      segments: [
        { startSeconds: 0, endSeconds: 1.2, tokens: [1, 2] },
        { startSeconds: 1.5, endSeconds: 4, tokens: [3] },
      ],
      goOnSeconds: 30,
    });
  });

  it('leave to the next window what begins and does not end in this one', () => {
    const heard = { segments: [{ startSeconds: 0, endSeconds: 20, tokens: [1] }], goOnSeconds: 20 };
    expect(read(at(0), 1, at(20), at(20), 2)).toEqual(heard);
    expect(read(at(0), 1, at(20), at(20))).toEqual(heard);
  });

  it('are one segment to the end of the window when no time stamp closes them', () => {
    expect(read(at(2), 1, 2)).toEqual({
      segments: [{ startSeconds: 2, endSeconds: 30, tokens: [1, 2] }],
      goOnSeconds: 30,
    });
    expect(read(1)).toEqual({ segments: [{ startSeconds: 0, endSeconds: 30, tokens: [1] }], goOnSeconds: 30 });
  });

  it('always lead on, whatever time stamps say', () => {
    expect(read(at(0), 1, at(0), at(0), 2).goOnSeconds).toBe(30);
    expect(read(at(0.5), 1, at(0.2), at(0.2), 2).goOnSeconds).toBe(30);
    expect(read(at(29), 1, at(900)).segments).toEqual([{ startSeconds: 29, endSeconds: 30, tokens: [1] }]);
    expect(read(at(9), 1, at(3)).segments).toEqual([{ startSeconds: 9, endSeconds: 9, tokens: [1] }]);
  });

  it('may say nothing', () => {
    for (const tokens of [[], [at(0)], [at(0), at(2)]]) {
      expect(read(...tokens)).toEqual({ segments: [], goOnSeconds: 30 });
    }
  });
});
