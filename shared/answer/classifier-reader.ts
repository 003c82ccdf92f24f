/**
 * A reader that chooses from a list of answers, on ONNX Runtime directly: picture and question in, logits [B, A] out.
 * The bundled model (`shared/models/reader`) and ViLT's exports (Kim et al. 2021) have this layout.
 */

import { ChiasmError } from '#shared/core/errors.ts';
import { sigmoid, softmax } from '#shared/core/probability.ts';
import { createImageTensor } from '#shared/encoders/image-tensor.ts';
import { createTokenizer, type TokenBatch } from '#shared/encoders/tokenizer.ts';
import { decodeImage } from '#shared/media/decode-image.ts';
import type { ImageGeometry } from '#shared/media/image.ts';
import { DEFAULT_MEDIA_LIMITS, type MediaLimits } from '#shared/media/limits.ts';
import { openImage } from '#shared/media/open-image.ts';
import { type AnswerModelFolder, openAnswerModelFolder } from '#shared/models/answer-model-folder.ts';
import { imagePreprocessing } from '#shared/models/image-preprocessing.ts';
import type { OpenSession, Session, SessionOptions, Tensor } from '#shared/runtime/session.ts';
import type { CandidateAnswer, Reader } from './reader.ts';

export interface ClassifierReaderDependencies {
  readonly openSession: OpenSession;
  readonly limits?: MediaLimits;
}

/** Answers that are given with their confidence; the rest of a list of thousands is noise. */
const BEST_ANSWERS = 10;
/** Without a card nothing is known of the model's confidences; half is where yes turns into no. */
const DEFAULT_ABSTAIN_BELOW = 0.5;
/** ViLT's longest question, where the configuration says nothing. */
const MAX_TOKENS = 40;
/** transformers' ViltImageProcessor: the long side at most 1333 / 800 of the short one. */
const LONGEST_SIDE_RATIO = 1333 / 800;

/** @throws ChiasmError `model_invalid` when the folder or its graph does not fit the layout */
export async function loadClassifierReader(
  path: string,
  deps: ClassifierReaderDependencies,
  options: SessionOptions = {},
): Promise<Reader> {
  const folder = await openAnswerModelFolder(path);
  const session = await deps.openSession(folder.graph, options);
  try {
    return describeReader(folder, session, deps.limits ?? DEFAULT_MEDIA_LIMITS);
  } catch (error) {
    await session.close();
    throw error;
  }
}

function describeReader(folder: AnswerModelFolder, session: Session, limits: MediaLimits): Reader {
  requireLayout(folder, session);
  const tokenizer = createTokenizer({
    ...folder,
    family: { name: 'answers', text: { padding: 'longest', maxTokens: MAX_TOKENS } },
  });
  const idOf = new Map(folder.labels.map((label, id) => [normalised(label), id] as const));
  // ViLT was trained with one logistic loss for each answer, the bundled model with one softmax over all
  const probabilities = folder.config.model_type === 'vilt' ? (z: Float64Array) => z.map(sigmoid) : softmax;

  const logitsOf = async (image: Uint8Array, question: string): Promise<Float32Array> => {
    const { logits } = await session.run(
      inputsFor(session, await pictureTensor(folder, image, limits), tokenizer.pad([tokenizer.tokenize(question)])),
      ['logits'],
    );
    if (logits?.type === 'float32' && logits.data.length === folder.labels.length) return logits.data;
    const found = `${logits?.type} [${logits?.shape.join(', ')}]`;
    throw new ChiasmError(
      'model_invalid',
      `${folder.graph}: expected float32 logits [1, ${folder.labels.length}]; got ${found}`,
    );
  };

  return {
    name: folder.name,
    ...(folder.card && { facts: folder.card }),
    abstainBelow: folder.card?.abstainBelow ?? DEFAULT_ABSTAIN_BELOW,
    knows: (choices) => choices.every((choice) => idOf.has(normalised(choice))),
    async read({ image, question, choices }) {
      const logits = await logitsOf(image, question);
      if (choices === undefined) {
        const confidences = probabilities(Float64Array.from(logits));
        return best(folder.labels.map((answer, id) => ({ answer, confidence: confidences[id]! })));
      }
      const chosen = Float64Array.from(choices, (choice) => logits[idOf.get(normalised(choice)) ?? -1] ?? -Infinity);
      const confidences = softmax(chosen);
      return best(choices.map((answer, i) => ({ answer, confidence: confidences[i]! })));
    },
    close: () => session.close(),
  };
}

const normalised = (answer: string): string =>
  answer
    .toLowerCase()
    .replaceAll(/[\s_]+/g, ' ')
    .trim();

function best(candidates: readonly CandidateAnswer[]): readonly CandidateAnswer[] {
  return [...candidates].sort((a, b) => b.confidence - a.confidence).slice(0, BEST_ANSWERS);
}

const NEEDED: readonly string[] = ['input_ids', 'pixel_values'];
const EXTRAS: readonly string[] = ['attention_mask', 'token_type_ids', 'pixel_mask'];

function requireLayout(folder: AnswerModelFolder, session: Session): void {
  const names = session.inputs.map(({ name }) => name);
  const known = names.every((name) => NEEDED.includes(name) || EXTRAS.includes(name));
  const whole = NEEDED.every((name) => names.includes(name)) && session.outputs.some(({ name }) => name === 'logits');
  if (known && whole) return;
  throw new ChiasmError(
    'model_invalid',
    `${folder.graph}: expected inputs ${[...NEEDED, ...EXTRAS].join(', ')} and an output logits; ` +
      `it has ${names.join(', ')} and ${session.outputs.map(({ name }) => name).join(', ')}`,
  );
}

async function pictureTensor(folder: AnswerModelFolder, bytes: Uint8Array, limits: MediaLimits): Promise<Tensor> {
  const { preprocessor } = folder;
  const { size } = preprocessor;
  const fixed =
    size !== undefined && 'shortest_edge' in size && !preprocessor.do_center_crop
      ? { ...preprocessor, size: await keptAspect(bytes, size.shortest_edge, preprocessor.size_divisor, limits) }
      : preprocessor;
  const preprocessing = imagePreprocessing(fixed);
  const geometry: ImageGeometry = preprocessing.geometry;
  const { pixels } = await decodeImage(bytes, geometry, limits);
  return createImageTensor(preprocessing)([pixels]);
}

/** Short side `shortest`, long side at most 1333 / 800 of it, both rounded down to multiples of `divisor`. */
async function keptAspect(bytes: Uint8Array, shortest: number, divisor: number, limits: MediaLimits) {
  const source = await openImage(bytes, limits);
  const longest = Math.floor(LONGEST_SIDE_RATIO * shortest);
  const scale = shortest / Math.min(source.width, source.height);
  const shrink = Math.min(1, longest / (scale * Math.max(source.width, source.height)));
  const side = (pixels: number) => Math.max(divisor, Math.floor((pixels * scale * shrink + 0.5) / divisor) * divisor);
  return { width: side(source.width), height: side(source.height) };
}

/** The inputs that the graph has, of one picture and one question. */
function inputsFor(session: Session, pixels: Tensor, { ids, mask, shape }: TokenBatch): Record<string, Tensor> {
  const [, , height = 0, width = 0] = pixels.shape;
  const whole: Record<string, () => Tensor> = {
    input_ids: () => ({ type: 'int64', shape, data: ids }),
    attention_mask: () => ({ type: 'int64', shape, data: mask }),
    token_type_ids: () => ({ type: 'int64', shape, data: new BigInt64Array(ids.length) }),
    pixel_values: () => pixels,
    pixel_mask: () => ({ type: 'int64', shape: [1, height, width], data: new BigInt64Array(height * width).fill(1n) }),
  };
  return Object.fromEntries(session.inputs.map(({ name }) => [name, whole[name]!()]));
}
