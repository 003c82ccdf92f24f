/** Label sets of a data set: the classes of each and the class of every row. */

import type { Example } from '#shared/datasets/example.ts';
import type { Problems } from '#shared/datasets/problems.ts';
import type { Row } from '#shared/datasets/read-json-lines.ts';

export interface Task {
  readonly name: string;
  /** K names in ascending order. */
  readonly classes: readonly string[];
}

export interface TaskLabels extends Task {
  /** [N]: the class of each row; -1 where the row has no label of this set. */
  readonly labels: Int32Array;
}

/** A softmax over more is not what a few examples a class can teach. */
const MAX_CLASSES = 1_000;

/** Label sets in ascending order of names. What cannot be learned is added to `problems`. @param wanted all when absent */
export function collectTasks(
  examples: readonly Row<Example>[],
  wanted: readonly string[] | undefined,
  problems: Problems,
): readonly TaskLabels[] {
  const names = [...new Set(examples.flatMap(({ labels }) => Object.keys(labels)))].sort();
  for (const name of wanted ?? []) {
    if (!names.includes(name)) problems.add(undefined, `no row has a label of ${JSON.stringify(name)}`);
  }
  return names
    .filter((name) => wanted?.includes(name) ?? true)
    .map((name) => {
      const task = collectTask(name, examples);
      checkClasses(task, problems);
      checkUnseen(task, examples, problems);
      return task;
    });
}

function collectTask(name: string, examples: readonly Row<Example>[]): TaskLabels {
  const classes = [...new Set(examples.flatMap(({ labels }) => labels[name] ?? []))].sort();
  const numbers = new Map(classes.map((label, i) => [label, i]));
  return { name, classes, labels: Int32Array.from(examples, ({ labels }) => numbers.get(labels[name] ?? '') ?? -1) };
}

function checkClasses({ name, classes }: Task, problems: Problems): void {
  const [only] = classes;
  if (classes.length === 1) {
    problems.add(undefined, `${name} has only the class ${JSON.stringify(only)}; a classifier needs two`);
  }
  if (classes.length > MAX_CLASSES) {
    problems.add(undefined, `${name} has ${classes.length} classes; expected at most ${MAX_CLASSES}`);
  }
}

/** What is only in a validation or test row was never shown to the classifier. */
function checkUnseen(
  { name, classes, labels }: TaskLabels,
  examples: readonly Row<Example>[],
  problems: Problems,
): void {
  const taught = new Set(labels.filter((_, row) => (examples[row]!.split ?? 'train') === 'train'));
  examples.forEach(({ line, split }, row) => {
    const label = labels[row]!;
    if (label < 0 || taught.has(label)) return;
    problems.add(
      line,
      `/labels/${name}: no training row has the class ${JSON.stringify(classes[label])} of this ${split} row`,
    );
  });
}
