/** Reciprocal rank fusion. Source: Cormack, Clarke, Buettcher (SIGIR 2009), "Reciprocal Rank Fusion outperforms Condorcet". */

/** The paper's constant: how slowly a list's influence falls with rank. */
const RANK_CONSTANT = 60;

/**
 * score(d) = sum over lists of 1 / (60 + rank of d in the list), ranks from 1; a list without d adds nothing.
 * Returns all members, best first; ties keep the order of the lists and, in them, of their members.
 */
export function fuseRanks(lists: readonly (readonly string[])[]): readonly string[] {
  const scores = new Map<string, number>();
  for (const list of lists) {
    list.forEach((member, i) => {
      scores.set(member, (scores.get(member) ?? 0) + 1 / (RANK_CONSTANT + i + 1));
    });
  }
  return [...scores].sort((a, b) => b[1] - a[1]).map(([member]) => member);
}
