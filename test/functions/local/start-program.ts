/** The real program in a process of its own, as `npm start` starts it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const MAIN = join(import.meta.dirname, '../../../functions/cli/main.ts');

export interface ProgramEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface Program {
  /** With a slash at its end. */
  readonly url: string;
  readonly events: readonly ProgramEvent[];
  /** The first event of this name, waiting for it. */
  event(name: string): Promise<ProgramEvent>;
  get(path: string): Promise<{ status: number; body: any }>;
  signal(name: NodeJS.Signals): Promise<{ code: number | null }>;
  readonly exited: Promise<{ code: number | null }>;
  stderr(): string;
}

/** Resolves when the program listens (or, with `--once`, at its first event). */
export async function startProgram(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Program> {
  const child = spawn(process.execPath, [MAIN, '--json', '--port', '0', ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const events: ProgramEvent[] = [];
  let errors = '';
  let wake = () => {};
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  createInterface({ input: child.stdout }).on('line', (line) => {
    events.push(JSON.parse(line));
    wake();
  });
  const exited = exitOf(child);
  void exited.then(() => wake());
  const event = async (name: string): Promise<ProgramEvent> => {
    for (;;) {
      const found = events.find((candidate) => candidate.event === name);
      if (found !== undefined) return found;
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`the program ended before "${name}": ${errors || JSON.stringify(events)}`);
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const first = await event(args.includes('--once') ? 'starting' : 'serving');
  const url = typeof first.url === 'string' ? first.url : '';
  return {
    url,
    events,
    event,
    get: async (path) => {
      const response = await fetch(new URL(path, url));
      return { status: response.status, body: await response.json() };
    },
    signal: async (name) => {
      child.kill(name);
      return exited;
    },
    exited,
    stderr: () => errors,
  };
}

async function exitOf(child: ChildProcess): Promise<{ code: number | null }> {
  const [code] = (await once(child, 'exit')) as [number | null];
  return { code };
}
