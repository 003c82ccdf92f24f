/** The command line of `npm run models`. */

import { parseArgs } from 'node:util';
import { ChiasmError } from '#shared/core/errors.ts';
import { HUB_URL, type PullSource } from '#shared/models/pull/pull-model.ts';
import type { ModelsEnvironment } from './env.ts';

export const HELP = `Models for npm start -- --model NAME, and --speech NAME.

  npm run models -- list             what there is, and what is here
  npm run models -- pull NAME...     fetch models; goes on where it was cut off
  npm run models -- verify [NAME...] check files and vectors of models that are here
  npm run models -- remove NAME...   delete models that were pulled

  --data DIR         data folder; models are in DIR/models      (default ./.chiasm; CHIASM_DATA)
  --mirror URL       instead of ${HUB_URL}            (CHIASM_MODELS_URL)
  --from DIR         take the files from a folder, without a network
  --catalogue FILE   models of your own, a JSON list; see docs/models.md
  --json             one JSON object a line
  --help
`;

const COMMANDS = ['list', 'pull', 'verify', 'remove'] as const;

export interface Arguments {
  readonly command: (typeof COMMANDS)[number];
  readonly names: readonly string[];
  readonly data: string;
  readonly source: PullSource;
  readonly catalogue: string | undefined;
  readonly json: boolean;
  readonly help: boolean;
}

/** @throws ChiasmError `invalid_request` for an unknown command or option, or a name that is missing */
export function parseArguments(argv: readonly string[], environment: ModelsEnvironment): Arguments {
  const { values, positionals } = parse(argv);
  const [command = 'list', ...names] = positionals;
  const known = COMMANDS.find((name) => name === command);
  if (known === undefined) throw wrong(`expected ${COMMANDS.join(', ')}; got ${JSON.stringify(command)}`);
  if ((known === 'pull' || known === 'remove') && names.length === 0 && !values.help) {
    throw wrong(`${known} needs the name of a model`);
  }
  const url = values.mirror ?? environment.CHIASM_MODELS_URL ?? HUB_URL;
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
    throw wrong(`--mirror: expected a URL, got ${JSON.stringify(url)}`);
  return {
    command: known,
    names,
    data: values.data ?? environment.CHIASM_DATA ?? '.chiasm',
    source: values.from === undefined ? { url } : { folder: values.from },
    catalogue: values.catalogue,
    json: values.json,
    help: values.help,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        data: { type: 'string' },
        mirror: { type: 'string' },
        from: { type: 'string' },
        catalogue: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (cause) {
    throw wrong(cause instanceof Error ? cause.message : String(cause));
  }
}

function wrong(what: string): ChiasmError {
  return new ChiasmError('invalid_request', `${what}. See npm run models -- --help`);
}
