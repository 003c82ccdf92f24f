/** Words for what the console shows: names, sizes, durations, probabilities. */

import type { AttributeValue, Entry, Modality, Result } from './api.ts';
import { DEFAULT_LINE } from './view.ts';

export const MODALITY_NAMES: Readonly<Record<Modality, { readonly one: string; readonly many: string }>> = {
  image: { one: 'picture', many: 'Pictures' },
  audio: { one: 'sound', many: 'Sounds' },
  text: { one: 'text', many: 'Texts' },
};

export function isResult(entry: Entry): entry is Result {
  return 'probability' in entry;
}

export function fileName(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

export function titleOf(entry: Entry): string {
  return entry.preview.title ?? fileName(entry.key);
}

export function percent(probability: number): string {
  if (probability > 0 && probability < 0.01) return 'under 1 %';
  return `${Math.floor(probability * 100)} %`;
}

/**
 * Why it is among the results: how probable the match is, or that the words are in it. The vectors of a text that has the
 * words may be far from them; their probability would say that it is no match.
 */
export function matchOf({ matched, probability }: Result): { readonly words: string; readonly probability?: number } {
  if (matched !== 'vector' && (probability ?? 0) < DEFAULT_LINE) return { words: 'has the words' };
  return probability === null ? { words: '' } : { words: `match ${percent(probability)}`, probability };
}

/** What a screen reader says of a tile. */
export function spokenName(entry: Entry): string {
  const parts = [titleOf(entry), entry.modality === null ? 'file' : MODALITY_NAMES[entry.modality].one];
  if (entry.preview.durationSeconds !== undefined) parts.push(duration(entry.preview.durationSeconds));
  if (isResult(entry)) parts.push(matchOf(entry).words);
  return parts.filter((part) => part !== '').join(', ');
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString()} ${count === 1 ? one : many}`;
}

export function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  if (seconds < 1) return `${seconds.toFixed(1)} s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const tail = `${hours > 0 ? String(minutes).padStart(2, '0') : minutes}:${String(whole % 60).padStart(2, '0')}`;
  return hours > 0 ? `${hours}:${tail}` : tail;
}

export function timeLeft(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.ceil(seconds))} s left`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min left`;
  return `${(seconds / 3600).toFixed(1)} h left`;
}

export function fileSize(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power - 1]}`;
}

export function attributeText(value: AttributeValue): string {
  if (value === null) return 'none';
  return typeof value === 'object' ? value.join(', ') : String(value);
}

/** Text that somebody wrapped by hand, to be wrapped anew: a line that begins in lower case continues the one before. */
export function unwrapped(text: string): string {
  return text.replace(/\n(?=\p{Ll})/gu, ' ');
}

const MATCH_START = '\u0002';
const MATCH_END = '\u0003';

/** A snippet as text and `<mark>` elements. */
export function markedText(snippet: string): Node[] {
  return unwrapped(snippet)
    .split(MATCH_START)
    .flatMap((piece, i) => {
      if (i === 0) return [document.createTextNode(piece)];
      const end = piece.indexOf(MATCH_END);
      const mark = document.createElement('mark');
      mark.textContent = end === -1 ? piece : piece.slice(0, end);
      return [mark, document.createTextNode(end === -1 ? '' : piece.slice(end + 1))];
    });
}
