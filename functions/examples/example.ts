/** A worked example: what it reads is a folder, what it prints are Markdown tables. */

import type { Workbench } from './compose.ts';

export interface Example {
  /** What must lie in the folder. */
  readonly expects: string;
  run(bench: Workbench, print: (text: string) => void): Promise<void>;
}
