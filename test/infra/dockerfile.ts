/** Reads a Dockerfile: as many of its words as ours use, and an error for any other. */

export interface Instruction {
  readonly name: string;
  /** What follows the name, continuation lines joined. */
  readonly text: string;
  readonly line: number;
}

export interface Stage {
  readonly name: string;
  /** An image, or the name of an earlier stage. */
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

export interface Dockerfile {
  /** `ARG`s before the first stage, by name. */
  readonly globals: Readonly<Record<string, string>>;
  readonly stages: readonly Stage[];
}

const NAMES = new Set([
  'FROM',
  'ARG',
  'RUN',
  'COPY',
  'WORKDIR',
  'ENV',
  'LABEL',
  'USER',
  'HEALTHCHECK',
  'ENTRYPOINT',
  'CMD',
]);

export function parseDockerfile(source: string): Dockerfile {
  const globals: Record<string, string> = {};
  const stages: { name: string; from: string; instructions: Instruction[] }[] = [];
  for (const instruction of instructionsOf(source)) {
    const { name, text, line } = instruction;
    if (!NAMES.has(name)) throw new Error(`line ${line}: ${name} is not an instruction that is used here`);
    if (name === 'FROM') {
      const [, image, as] = /^(\S+) AS ([a-z-]+)$/.exec(substitute(text, globals)) ?? [];
      if (image === undefined || as === undefined) throw new Error(`line ${line}: expected FROM image AS name`);
      stages.push({ name: as, from: image, instructions: [] });
    } else if (stages.length > 0) {
      stages.at(-1)!.instructions.push(instruction);
    } else if (name === 'ARG') {
      const [key, value = ''] = text.split('=', 2);
      globals[key!] = value;
    } else throw new Error(`line ${line}: ${name} before FROM`);
  }
  return { globals, stages };
}

function instructionsOf(source: string): Instruction[] {
  const found: Instruction[] = [];
  let open: { text: string; line: number } | undefined;
  source.split('\n').forEach((raw, i) => {
    if (/^\s*(#|$)/.test(raw)) return;
    const continues = raw.trimEnd().endsWith('\\');
    const part = continues ? raw.trimEnd().slice(0, -1) : raw;
    open = open === undefined ? { text: part, line: i + 1 } : { ...open, text: `${open.text} ${part.trim()}` };
    if (continues) return;
    const [, name, text] = /^([A-Z]+)\s+(.*)$/.exec(open.text.trim()) ?? [];
    if (name === undefined || text === undefined) throw new Error(`line ${open.line}: expected an instruction`);
    found.push({ name, text: text.replace(/\s+/g, ' '), line: open.line });
    open = undefined;
  });
  return found;
}

export const substitute = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(/\$\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);

export interface Copy {
  /** Name of a stage, or undefined: the folder that is sent. */
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly target: string;
}

export function parseCopy(text: string): Copy {
  const words = text.split(' ');
  const from = words.find((word) => word.startsWith('--from='))?.slice('--from='.length);
  const paths = words.filter((word) => !word.startsWith('--'));
  return { from, sources: paths.slice(0, -1), target: paths.at(-1)! };
}
