/** A trained alignment in use: vectors of two spaces into the common one, and of one straight into the other. */

import { createHash } from 'node:crypto';
import { ChiasmError } from '#shared/core/errors.ts';
import type { Session } from '#shared/runtime/session.ts';
import type { TrainerDependencies } from '../graph/trainer.ts';
import { type AlignmentCard, type AlignmentFile, alignmentCardSchema } from './alignment-card.ts';
import { mapRows } from './run-map.ts';

export interface Alignment {
  readonly card: AlignmentCard;
  /** Vectors of the space `from` [N, D1] to unit rows [N, d]; `mapTo` takes them of `to`. Partners have a large product. */
  mapFrom(vectors: Float32Array): Promise<Float32Array>;
  mapTo(vectors: Float32Array): Promise<Float32Array>;
  /**
   * Vectors of `from` [N, D1] to unit queries [N, D2] for vectors of `to` as they are stored: the index need not be
   * mapped. Less exact than comparing `mapFrom` with `mapTo`, with which the best hits can be ranked again.
   */
  bridge(vectors: Float32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * Opens what `trainAlignment` made.
 * @param readFile the bytes of `card.json` and the models by name; undefined for what is not there
 * @throws ChiasmError `not_found` without a card, `state_corrupt` when a file is missing or not the one of the card
 */
export async function openAlignment(
  readFile: (name: 'card.json' | AlignmentFile) => Promise<Uint8Array | undefined>,
  deps: TrainerDependencies,
): Promise<Alignment> {
  const card = parseCard(await readFile('card.json'));
  const opened: Session[] = [];
  const open = async (name: AlignmentFile): Promise<Session> => {
    const bytes = await readFile(name);
    if (bytes === undefined) throw damaged(`${name} is missing`);
    const digest = createHash('sha256').update(bytes).digest('hex');
    if (digest !== card.files[name].sha256) throw damaged(`${name} is not the file that its card describes`);
    const session = await deps.openSession(bytes, deps.sessionOptions);
    opened.push(session);
    return session;
  };
  const close = async () => void (await Promise.all(opened.map((session) => session.close())));
  try {
    const from = await open('from.onnx');
    const to = await open('to.onnx');
    const bridge = await open('bridge.onnx');
    return {
      card,
      mapFrom: (vectors) => mapRows(from, vectors, card.fromDimensions),
      mapTo: (vectors) => mapRows(to, vectors, card.toDimensions),
      bridge: (vectors) => mapRows(bridge, vectors, card.fromDimensions),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function parseCard(bytes: Uint8Array | undefined): AlignmentCard {
  if (bytes === undefined) throw new ChiasmError('not_found', 'there is no such alignment');
  try {
    return alignmentCardSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  } catch (cause) {
    throw new ChiasmError('state_corrupt', 'the card of the alignment is damaged; train it again', { cause });
  }
}

const damaged = (what: string): ChiasmError =>
  new ChiasmError('state_corrupt', `the alignment is damaged: ${what}; train it again`);
