/** Trained classifiers as they are served: the live version of a name, opened once and kept while it is used. */

import { ChiasmError } from '#shared/core/errors.ts';
import type { Modality } from '#shared/core/modality.ts';
import { trainedNameSchema } from '#shared/datasets/trained-name.ts';
import type { Space } from '#shared/encoders/space.ts';
import type { OpenSession, Session, Tensor } from '#shared/runtime/session.ts';
import type { ClassifierCard } from './classifier-card.ts';
import { type ClassifierManifest, type ClassifierStore, noSuchClassifier } from './classifier-store.ts';
import { probabilityName, weightName } from './export-classifier.ts';
import { type InputSpec, refuseUnread, widthOf, writeSignal } from './model-inputs.ts';
import { contentName, PRESENT } from './training-data.ts';

export interface TrainedInput {
  /** Normalised [D] by modality. */
  readonly vectors: Readonly<Partial<Record<'image' | 'audio' | 'text', Float32Array>>>;
  /** By name; null where a value is missing. */
  readonly signals?: Readonly<Record<string, readonly (number | null)[]>>;
}

export interface TrainedAnswer {
  readonly card: ClassifierCard;
  /** For each task all classes, the most probable first. */
  readonly tasks: Readonly<Record<string, readonly { readonly name: string; readonly probability: number }[]>>;
  /** For each task how much each kind of content counted; sums to 1. Not in feature fusion. */
  readonly weights?: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

export interface ClassifierDescription extends ClassifierManifest {
  readonly name: string;
}

export interface Classifiers {
  list(): Promise<readonly ClassifierDescription[]>;
  /** @throws ChiasmError `not_found` */
  describe(name: string): Promise<ClassifierDescription>;
  /** @throws ChiasmError `not_found` */
  card(name: string, version: number): Promise<ClassifierCard>;
  /** What the live version reads. @throws ChiasmError `not_found` */
  reads(name: string): Promise<readonly InputSpec[]>;
  /** @throws ChiasmError `not_found`, `invalid_request` when it reads nothing of the input, `conflict` after a change of the model */
  classify(name: string, input: TrainedInput): Promise<TrainedAnswer>;
  /** Makes a version live; without one, the version that was live before. @throws ChiasmError `not_found` */
  promote(name: string, version?: number): Promise<ClassifierDescription>;
  /** @throws ChiasmError `not_found` */
  remove(name: string): Promise<void>;
  close(): Promise<void>;
}

export interface ClassifiersDependencies {
  readonly store: ClassifierStore;
  readonly openSession: OpenSession;
  /** The spaces of the vectors that it is given. */
  spaceOf(modality: Modality): { readonly encoder: { readonly space: Pick<Space, 'id'> } } | undefined;
}

interface Opened {
  readonly card: ClassifierCard;
  readonly session: Session;
}

/** Sessions that stay open: one has a few megabytes and a thread. */
const OPEN_SESSIONS = 8;

export function createClassifiers({ store, openSession, spaceOf }: ClassifiersDependencies): Classifiers {
  const sessions = new Map<string, Promise<Opened>>(); // in order of use

  const manifestOf = async (name: string) => {
    const manifest = trainedNameSchema.safeParse(name).success ? await store.manifest(name) : undefined;
    if (manifest === undefined) throw noSuchClassifier(name);
    return manifest;
  };
  const cardOf = async (name: string, version: number) => {
    const card = await store.card(name, version);
    if (card === undefined)
      throw new ChiasmError('not_found', `there is no version ${version} of the classifier ${name}`);
    return card;
  };
  const open = async (name: string, version: number): Promise<Opened> => {
    const card = await cardOf(name, version);
    return { card, session: await openSession(await store.model(card), { threads: 1 }) };
  };
  const forget = (key: string) => {
    const opened = sessions.get(key);
    sessions.delete(key);
    return opened?.then(({ session }) => session.close()).catch(() => {}); // it never opened
  };
  const live = async (name: string): Promise<Opened> => {
    const { live: version } = await manifestOf(name);
    const key = `${name}/${version}`;
    const opened = sessions.get(key) ?? open(name, version);
    sessions.delete(key);
    sessions.set(key, opened);
    opened.catch(() => sessions.delete(key));
    if (sessions.size > OPEN_SESSIONS) void forget(sessions.keys().next().value!);
    return opened;
  };
  const describe = async (name: string) => ({ name, ...(await manifestOf(name)) });

  return {
    list: async () => Promise.all((await store.names()).map(describe)),
    describe,
    card: async (name, version) => {
      await manifestOf(name);
      return cardOf(name, version);
    },
    reads: async (name) => (await live(name)).card.inputs,
    classify: async (name, input) => {
      const { card, session } = await live(name);
      requireSpaces(card, input, (modality) => spaceOf(modality)?.encoder.space.id);
      const { tensors, shown } = inputTensors(card.inputs, input);
      const outputs = await session.run(tensors);
      return { card, ...readAnswer(card, outputs, shown) };
    },
    promote: async (name, version) => {
      await manifestOf(name);
      return { name, ...(await store.promote(name, version)) };
    },
    remove: async (name) => {
      await manifestOf(name);
      await store.remove(name);
      for (const key of [...sessions.keys()]) if (key.startsWith(`${name}/`)) await forget(key);
    },
    close: async () => {
      await Promise.all([...sessions.keys()].map(forget));
    },
  };
}

/** Signals mean the same in every space; vectors do not. */
function requireSpaces(
  { name, version, inputs }: ClassifierCard,
  { vectors }: TrainedInput,
  active: (modality: Modality) => string | undefined,
): void {
  for (const { kind, space } of inputs) {
    if (kind === 'signal' || vectors[kind] === undefined || space === active(kind)) continue;
    throw new ChiasmError(
      'conflict',
      `version ${version} of the classifier ${name} reads vectors of ${space}; the model in use for ${kind} is ${active(kind)}: train it again on the same data set`,
    );
  }
}

function inputTensors(specs: readonly InputSpec[], { vectors, signals = {} }: TrainedInput) {
  refuseUnread(specs, [...Object.keys(vectors), ...Object.keys(signals)]);
  const present = new Float32Array(specs.length);
  const contents = specs.map((spec, m): [string, Tensor] => {
    const data = new Float32Array(widthOf(spec));
    const vector = spec.kind === 'signal' ? undefined : vectors[spec.kind];
    const signal = spec.kind === 'signal' ? signals[spec.name] : undefined;
    if (vector !== undefined) {
      data.set(vector);
      present[m] = 1;
    }
    if (signal !== undefined) {
      requireLength(spec, signal);
      present[m] = writeSignal(data, fillMissing(spec, signal), spec.masked);
    }
    return [contentName(spec), { type: 'float32', shape: [1, data.length], data }];
  });
  const tensors = Object.fromEntries([
    ...contents,
    [PRESENT, { type: 'float32', shape: [1, specs.length], data: present }],
  ]);
  return { tensors, shown: specs.map(({ name }) => name) };
}

function requireLength({ name, length }: InputSpec, signal: readonly unknown[]): void {
  if (signal.length === length) return;
  const message = `expected ${length} numbers, as in training, got ${signal.length}`;
  throw new ChiasmError('invalid_request', `/input/signals/${name}: ${message}`, {
    issues: [{ path: `/input/signals/${name}`, message }],
  });
}

/** Where no training row missed a value, a missing one is taken for the mean. */
function fillMissing({ masked, mean }: InputSpec, signal: readonly (number | null)[]): readonly (number | null)[] {
  if (masked || signal.every((value) => value === null)) return signal;
  return signal.map((value, i) => value ?? mean[i]!);
}

function readAnswer({ tasks }: ClassifierCard, outputs: Readonly<Record<string, Tensor>>, contents: readonly string[]) {
  const answers = tasks.map((task): [string, TrainedAnswer['tasks'][string]] => {
    const probabilities = outputs[probabilityName(task)]!.data as Float32Array;
    const sorted = task.classes.map((name, k) => ({ name, probability: probabilities[k]! }));
    return [task.name, sorted.sort((a, b) => b.probability - a.probability)];
  });
  const weights = tasks.flatMap((task) => {
    const row = outputs[weightName(task)]?.data as Float32Array | undefined;
    if (row === undefined) return [];
    return [[task.name, Object.fromEntries(contents.map((name, m) => [name, row[m]!]))] as const];
  });
  return {
    tasks: Object.fromEntries(answers),
    ...(weights.length > 0 && { weights: Object.fromEntries(weights) }),
  };
}
