/**
 * Zero-shot classification: a class is the mean direction of its prompts in the space, and an input belongs to the class
 * that it lies nearest to. Source: Radford et al. 2021 (CLIP), section 3.1.4, prompt ensembling.
 */

import { ChiasmError } from '#shared/core/errors.ts';
import type { Modality } from '#shared/core/modality.ts';
import { sigmoid, softmax } from '#shared/core/probability.ts';
import { dot } from '#shared/core/vector.ts';
import { type ContentEmbedder, meanDirection } from '#shared/encoders/embed-content.ts';
import type { Encoder } from '#shared/encoders/encoder.ts';
import { modalityPair } from '#shared/encoders/space.ts';

export interface ClassLabel {
  readonly name: string;
  /** Whole sentences; the model's templates with the name put in when absent. */
  readonly prompts?: readonly string[];
}

/** At least one; several are weighed equally (the mean of their logits). */
interface ClassifierInput {
  /** Normalised [D] by modality, from the embedder or from an indexed item. */
  readonly vectors: Readonly<Partial<Record<Modality, Float32Array>>>;
}

interface ZeroShotRequest {
  readonly input: ClassifierInput;
  /** At least one, with different names. */
  readonly labels: readonly ClassLabel[];
  /** Each label by itself (they need not exclude each other) instead of one distribution over all. */
  readonly multiLabel: boolean;
}

interface LabelProbability {
  readonly name: string;
  readonly probability: number;
}

export interface ZeroShotClassifier {
  /** All labels, the most probable first. */
  classify(request: ZeroShotRequest): Promise<readonly LabelProbability[]>;
}

/** Softmax scale of a pair that has no calibration: CLIP's learned temperature at its bound (Radford et al., 2.5). */
const DEFAULT_SCALE = 100;
/** Prompts in one call of the text tower. */
const PROMPT_BATCH = 64;
/** Labels whose vectors are remembered; a vector of 512 numbers takes 2 KiB. */
const REMEMBERED_LABELS = 4_096;

/** The space that vectors of a modality lie in, with the model that embeds its labels. */
export interface LabelSpace {
  readonly encoder: Pick<Encoder, 'space' | 'queryTemplates'>;
  readonly embedder: Pick<ContentEmbedder, 'texts'>;
}

export interface ZeroShotDependencies {
  spaceOf(modality: Modality): LabelSpace | undefined;
}

export function createZeroShotClassifier(deps: ZeroShotDependencies): ZeroShotClassifier {
  const remembered = new Map<string, Float32Array>();
  return {
    async classify({ input, labels, multiLabel }) {
      refuseUnusable(input, labels);
      const logits = new Float64Array(labels.length);
      const modalities = Object.keys(input.vectors) as Modality[];
      for (const modality of modalities) {
        const vector = input.vectors[modality]!;
        const space = deps.spaceOf(modality);
        if (space === undefined) throw new ChiasmError('unsupported_modality', `no model in use embeds ${modality}`);
        const { scale, bias } = scaleOf(space, modality, multiLabel);
        const classes = await labelVectors(space, remembered, labels, modality);
        classes.forEach((label, i) => {
          logits[i]! += (scale * dot(vector, label) + bias) / modalities.length;
        });
      }
      const probabilities = multiLabel ? logits.map(sigmoid) : softmax(logits);
      return labels
        .map(({ name }, i) => ({ name, probability: probabilities[i]! }))
        .sort((a, b) => b.probability - a.probability);
    },
  };
}

function refuseUnusable(input: ClassifierInput, labels: readonly ClassLabel[]): void {
  const issue = (path: string, message: string) =>
    new ChiasmError('invalid_request', message, { issues: [{ path, message }] });
  if (labels.length === 0) throw issue('/labels', 'expected at least one label');
  if (Object.keys(input.vectors).length === 0)
    throw issue('/input', 'expected a picture, a sound or a text to classify');
  const names = new Set<string>();
  labels.forEach(({ name }, i) => {
    if (names.has(name))
      throw issue(`/labels/${i}`, `expected labels with different names; ${JSON.stringify(name)} occurs twice`);
    names.add(name);
  });
}

function scaleOf({ encoder }: LabelSpace, modality: Modality, multiLabel: boolean) {
  const calibration = encoder.space.calibration[modalityPair(modality, 'text')];
  if (calibration !== undefined) return calibration;
  if (!multiLabel) return { scale: DEFAULT_SCALE, bias: 0 };
  throw new ChiasmError(
    'unsupported_modality',
    `the model ${encoder.space.id} has no calibration for ${modality} and text, so it cannot tell labels apart one by one; leave out multiLabel`,
  );
}

async function labelVectors(
  { encoder, embedder }: LabelSpace,
  remembered: Map<string, Float32Array>,
  labels: readonly ClassLabel[],
  modality: Modality,
): Promise<readonly Float32Array[]> {
  const templates = encoder.queryTemplates[modality] ?? ['{}'];
  const promptsOf = labels.map(
    ({ name, prompts }) => prompts ?? templates.map((template) => template.replaceAll('{}', () => name)),
  );
  const names = promptsOf.map((prompts) => `${encoder.space.id}\n${JSON.stringify(prompts)}`);
  const known = names.map((name) => remembered.get(name));
  const missing = promptsOf.filter((_, i) => known[i] === undefined);
  const embedded = await embedInBatches(embedder, missing.flat());
  let next = 0;
  return promptsOf.map((prompts, i) => {
    const found = known[i];
    if (found !== undefined) return found;
    const vector = meanDirection(embedded.slice(next, next + prompts.length));
    next += prompts.length;
    remember(remembered, names[i]!, vector);
    return vector;
  });
}

async function embedInBatches(
  embedder: LabelSpace['embedder'],
  texts: readonly string[],
): Promise<readonly Float32Array[]> {
  const vectors: Float32Array[] = [];
  for (let start = 0; start < texts.length; start += PROMPT_BATCH) {
    vectors.push(...(await embedder.texts(texts.slice(start, start + PROMPT_BATCH))));
  }
  return vectors;
}

/** The oldest makes room. */
function remember(remembered: Map<string, Float32Array>, name: string, vector: Float32Array): void {
  if (remembered.size >= REMEMBERED_LABELS) remembered.delete(remembered.keys().next().value!);
  remembered.set(name, vector);
}
