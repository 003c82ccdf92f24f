/** What is wrong with a data set, row by row: all of it is told at once, and nothing is trained on the rest. */

import { ChiasmError, type Issue } from '#shared/core/errors.ts';

/** Problems that are listed; the others are counted. */
const LISTED = 100;

export interface Problems {
  /** @param line from 1; undefined for the data set as a whole */
  add(line: number | undefined, message: string): void;
  readonly count: number;
  /** @throws ChiasmError `invalid_request` when there are any */
  refuse(name: string): void;
}

export function createProblems(): Problems {
  const issues: Issue[] = [];
  let count = 0;
  return {
    add: (line, message) => {
      count += 1;
      if (issues.length < LISTED) issues.push({ path: line === undefined ? '' : `line ${line}`, message });
    },
    get count() {
      return count;
    },
    refuse: (name) => {
      const [first] = issues;
      if (first === undefined) return;
      const where = first.path === '' ? '' : `${first.path}: `;
      const more = count === 1 ? '' : `, and ${count - 1} more ${count === 2 ? 'problem' : 'problems'}`;
      const listed =
        count > LISTED ? [...issues, { path: '', message: `and ${count - LISTED} more problems` }] : issues;
      throw new ChiasmError(
        'invalid_request',
        `the data set ${name} is not trained on: ${where}${first.message}${more}`,
        {
          issues: listed,
        },
      );
    },
  };
}
