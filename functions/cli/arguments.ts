/** The command line of `npm start`. */

import { parseArgs } from 'node:util';
import type { LocalEnvironment } from '#functions/local/env.ts';
import { splitModels } from '#functions/local/model-choice.ts';
import { ChiasmError } from '#shared/core/errors.ts';
import type { CloudPrices } from '#shared/ingest/estimate-build.ts';

export const HELP = `Chiasm: search pictures, sounds and text by describing them.

  npm start                          index a small built-in collection and serve it
  npm start -- FOLDER...             index these folders, follow their changes, serve them
  npm start -- FOLDER... --once      index and exit

  --data DIR      where the index is kept                     (default ./.chiasm; CHIASM_DATA)
  --port N        port to listen on, 0 for a free one         (default 8787; PORT)
  --host H        address to listen on                        (default 127.0.0.1; HOST)
  --model M       name of a model or a model folder           (default: the one in use, or starter; CHIASM_MODEL)
                  With an index of another model: builds a new index beside it, then switches.
                  Several: siglip2-base,clap:audio searches sounds with clap, the rest with siglip2-base
  --estimate      tell what a change of the model takes, then exit
  --prices P      with --estimate, for its cost in the cloud:
                  instanceHour=1,thousandReads=0.0004,thousandWrites=0.005,gigabyteMonth=0.023
  --drop-former   erase the index of the former model after the switch (default: keep it)
  --reader M      model that answers questions                (default reader; CHIASM_READER)
                  bedrock:MODEL_ID asks Amazon Bedrock: pictures leave this machine, every question is billed
  --speech M      model that writes down what is said: whisper-base or a folder (CHIASM_SPEECH)
  --once          index what has changed, then exit
  --json          one JSON object a line instead of progress
  --help, --version

Chiasm only reads your folders; it never changes or deletes a file in them.
CHIASM_API_KEYS=key1,key2 makes clients send "Authorization: Bearer key1".
`;

export interface Arguments {
  readonly folders: readonly string[];
  readonly data: string;
  readonly host: string;
  readonly port: number;
  /** Undefined: what is in use. */
  readonly models: readonly string[] | undefined;
  readonly estimate: boolean;
  readonly prices: CloudPrices | undefined;
  readonly dropFormer: boolean;
  readonly reader: string;
  /** Undefined: nobody listens. */
  readonly speech: string | undefined;
  readonly once: boolean;
  readonly json: boolean;
  readonly help: boolean;
  readonly version: boolean;
}

/** @throws ChiasmError `invalid_request` for an unknown option or a bad value */
export function parseArguments(argv: readonly string[], environment: LocalEnvironment): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        data: { type: 'string' },
        host: { type: 'string' },
        port: { type: 'string' },
        model: { type: 'string', multiple: true },
        estimate: { type: 'boolean', default: false },
        prices: { type: 'string' },
        'drop-former': { type: 'boolean', default: false },
        reader: { type: 'string' },
        speech: { type: 'string' },
        once: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        version: { type: 'boolean', default: false },
      },
    });
    return {
      folders: positionals,
      data: values.data ?? environment.CHIASM_DATA ?? '.chiasm',
      host: values.host ?? environment.HOST ?? '127.0.0.1',
      port: values.port === undefined ? (environment.PORT ?? 8787) : parsePort(values.port),
      models: parseModels(values.model?.join() ?? environment.CHIASM_MODEL),
      estimate: values.estimate,
      prices: values.prices === undefined ? undefined : parsePrices(values.prices),
      dropFormer: values['drop-former'],
      reader: values.reader ?? environment.CHIASM_READER ?? 'reader',
      speech: values.speech ?? environment.CHIASM_SPEECH,
      once: values.once,
      json: values.json,
      help: values.help,
      version: values.version,
    };
  } catch (cause) {
    if (cause instanceof ChiasmError) throw cause;
    throw new ChiasmError(
      'invalid_request',
      `${cause instanceof Error ? cause.message : cause}. See npm start -- --help`,
      { cause },
    );
  }
}

function parseModels(text: string | undefined): readonly string[] | undefined {
  const names = text === undefined ? undefined : splitModels(text);
  if (names?.length !== 0) return names;
  throw new ChiasmError('invalid_request', '--model: expected the name of a model or a folder');
}

function parsePrices(text: string): CloudPrices {
  const given = new Map(text.split(',').map((pair) => pair.split('=', 2) as [string, string | undefined]));
  const price = (name: keyof CloudPrices): number => {
    const value = Number(given.get(name) ?? Number.NaN);
    if (value >= 0) return value;
    throw new ChiasmError('invalid_request', `--prices: expected ${name}=NUMBER, got ${JSON.stringify(text)}`);
  };
  return {
    instanceHour: price('instanceHour'),
    thousandReads: price('thousandReads'),
    thousandWrites: price('thousandWrites'),
    gigabyteMonth: price('gigabyteMonth'),
  };
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new ChiasmError('invalid_request', `--port: expected a number from 0 to 65535, got ${JSON.stringify(text)}`);
}
