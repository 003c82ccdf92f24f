/** Whisper's tokens to segments: text between two time stamps, `<|0.00|> Good morning.<|1.20|>`. Radford et al. 2022, section 2.3. */

/** Seconds from one time stamp to the next. */
const STEP_SECONDS = 0.02;
/** A window that says less than this about where it goes on is taken to be over. */
const LEAST_STEP_SECONDS = 1;

export interface TokenSegment {
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly tokens: readonly number[];
}

export interface ReadSegments {
  /** With seconds from the beginning of the window. */
  readonly segments: readonly TokenSegment[];
  /** From where the sound is to be heard on: what begins and does not end in this window is left to the next one. */
  readonly goOnSeconds: number;
}

export interface SegmentTokens {
  /** Token of 0.00 seconds; all from here on are time stamps. */
  readonly timestampBegin: number;
  /** Tokens below it are text. */
  readonly endOfText: number;
}

/** @param tokens after those that name language and task */
export function readSegments(
  tokens: readonly number[],
  { timestampBegin, endOfText }: SegmentTokens,
  windowSeconds: number,
): ReadSegments {
  const segments: TokenSegment[] = [];
  let startSeconds: number | undefined;
  let text: number[] = [];
  for (const token of tokens) {
    if (token < endOfText) text.push(token);
    if (token < timestampBegin) continue;
    const seconds = Math.min((token - timestampBegin) * STEP_SECONDS, windowSeconds);
    if (text.length === 0) {
      startSeconds = seconds;
      continue;
    }
    const start = startSeconds ?? 0;
    segments.push({ startSeconds: start, endSeconds: Math.max(start, seconds), tokens: text });
    startSeconds = undefined;
    text = [];
  }
  const goOnSeconds = segments.at(-1)?.endSeconds ?? 0;
  const isOpen = text.length > 0 || (startSeconds !== undefined && segments.length > 0);
  if (isOpen && goOnSeconds >= LEAST_STEP_SECONDS) return { segments, goOnSeconds };
  if (text.length > 0) segments.push({ startSeconds: startSeconds ?? 0, endSeconds: windowSeconds, tokens: text });
  return { segments, goOnSeconds: windowSeconds };
}
