/**
 * VQA's official accuracy over ten answers: the mean over all ways to leave one of them out of min(1, agreeing / 3), after
 * both sides are brought to one form. Source: Antol et al. 2015, section 4, and the rules listed on visualqa.org/evaluation.
 */

const NUMBERS = ['none', 'zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];
const ARTICLES: ReadonlySet<string> = new Set(['a', 'an', 'the']);
const PUNCTUATION = /[;/[\]"{}()=+\\_\-><@`,?!]/g;

/** @param answers of people; with fewer than two, 1 for the same answer and 0 otherwise */
export function vqaAccuracy(predicted: string, answers: readonly string[]): number {
  const said = officialForm(predicted);
  const others = answers.map(officialForm);
  if (others.length < 2) return said === others[0] ? 1 : 0;
  const agreeing = others.filter((answer) => answer === said).length;
  const left = others.map((answer) => Math.min(1, (agreeing - (answer === said ? 1 : 0)) / 3));
  return left.reduce((sum, share) => sum + share, 0) / left.length;
}

/** Lower case, no punctuation, numbers as digits, no articles. */
export function officialForm(answer: string): string {
  const plain = answer
    .replaceAll(/\s+/g, ' ')
    .trim()
    .toLowerCase()
    .replaceAll(PUNCTUATION, (mark, at: number, whole: string) =>
      mark === ',' && /\d/.test(whole[at - 1] ?? '') && /\d/.test(whole[at + 1] ?? '') ? '' : ' ',
    )
    .replaceAll(/\.(?!\d)/g, '');
  return plain
    .split(/\s+/)
    .filter((word) => word !== '' && !ARTICLES.has(word))
    .map((word) => (NUMBERS.includes(word) ? String(Math.max(0, NUMBERS.indexOf(word) - 1)) : word))
    .join(' ');
}
