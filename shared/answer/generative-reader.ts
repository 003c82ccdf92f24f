/**
 * A reader that writes its answers: vision-language models in the layouts of Florence-2 and SmolVLM (ONNX exports in a
 * local folder), through `@huggingface/transformers` on the same ONNX Runtime. Nothing is ever fetched.
 */

import { resolve } from 'node:path';
import { ChiasmError } from '#shared/core/errors.ts';
import { DEFAULT_MEDIA_LIMITS, type MediaLimits } from '#shared/media/limits.ts';
import { openImage } from '#shared/media/open-image.ts';
import { taskCardSchema } from '#shared/models/model-card.ts';
import { filesUsed, findGraph, readTaskCard, taskModelName } from '#shared/models/task-model-folder.ts';
import { threadSettings } from '#shared/runtime/physical-cores.ts';
import type { CandidateAnswer, Captioner, Reader, ReaderRequest } from './reader.ts';

export interface GenerativeReaderOptions {
  /** Suffix of the graphs: `q8` for `_quantized`, ... @default fp32, the plain files */
  readonly dtype?: 'fp32' | 'fp16' | 'q8' | 'int8' | 'uint8' | 'q4' | 'q4f16' | 'bnb4';
  /** @default 64 */
  readonly maxTokens?: number;
  readonly limits?: MediaLimits;
}

const MAX_TOKENS = 64;
/** A written answer as a whole is rarely as probable as one of a list; below this most of its words were guesses. */
const ABSTAIN_BELOW = 0.3;
const GRAPHS = ['vision_encoder', 'embed_tokens', 'encoder_model', 'decoder_model_merged'];
const CONFIGURATION = ['config.json', 'generation_config.json', 'preprocessor_config.json', 'processor_config.json', 'tokenizer.json', 'tokenizer_config.json']; // biome-ignore format: a list
const CAPTION_TASK = '<CAPTION>';
const CAPTION_PROMPT = 'Describe the picture in one sentence.';

/** @throws ChiasmError `model_invalid` when the folder lacks a file or its graphs do not fit together */
export async function loadGenerativeReader(
  path: string,
  modelType: string,
  options: GenerativeReaderOptions = {},
): Promise<Reader> {
  const folder = resolve(path);
  const graphs = await Promise.all(GRAPHS.map((stem) => findGraph(folder, stem)));
  const used = await filesUsed(folder, CONFIGURATION, graphs);
  const card = await readTaskCard(folder, taskCardSchema, { needed: {}, used }); // what is missing, the library says
  // loaded here: programs without such a model do not pay for the library
  const library = await import('@huggingface/transformers');
  library.env.allowRemoteModels = false;
  library.env.allowLocalModels = true;
  library.env.localModelPath = '';
  const { dtype = 'fp32', maxTokens = MAX_TOKENS, limits = DEFAULT_MEDIA_LIMITS } = options;
  const florence = modelType === 'florence2';
  const ModelClass = florence ? library.Florence2ForConditionalGeneration : library.AutoModelForImageTextToText;
  const [processor, model] = await Promise.all([
    library.AutoProcessor.from_pretrained(folder, { local_files_only: true }),
    ModelClass.from_pretrained(folder, {
      local_files_only: true,
      dtype,
      device: 'cpu',
      session_options: threadSettings(),
    }),
  ]).catch((cause: Error) => {
    throw new ChiasmError('model_invalid', `${folder} cannot be used: ${cause.message}`, { cause });
  });
  const { tokenizer } = processor;
  if (tokenizer === undefined) throw new ChiasmError('model_invalid', `${folder} has no tokenizer`);

  /** The steps of one answer: what is fed, what comes out, how sure each token was. */
  const write = async (request: Omit<ReaderRequest, 'question'>, prompt: string): Promise<CandidateAnswer> => {
    const picture = await decode(library, request.image, limits);
    const inputs = florence ? await processor(picture, prompt) : await processor(prompt, picture);
    const stopping = new library.InterruptableStoppingCriteria();
    request.signal?.addEventListener('abort', () => stopping.interrupt(), { once: true });
    const certainty = new Certainty();
    const { onText } = request;
    const output = await model.generate({
      ...inputs,
      max_new_tokens: maxTokens,
      do_sample: false,
      stopping_criteria: stopping,
      logits_processor: certainty.processors(library),
      ...(onText && { streamer: textStreamer(library, tokenizer, onText) }),
    });
    if (request.signal?.aborted) throw new ChiasmError('cancelled', 'the answer was no longer wanted');
    const tokens = output as InstanceType<typeof library.Tensor>;
    // a decoder's output begins with its prompt, an encoder-decoder's with its start token
    const prompted = florence ? 0 : (inputs.input_ids.dims.at(-1) ?? 0);
    const [text = ''] = tokenizer.batch_decode(tokens.slice(null, [prompted, null]), { skip_special_tokens: true });
    return { answer: text.trim(), confidence: text.trim() === '' ? 0 : certainty.mean() };
  };

  const name = taskModelName(folder, card);
  const promptOf = (question: string, request: Partial<ReaderRequest>) =>
    florence ? question : chatPrompt(processor, { ...request, question });
  const captioner: Captioner = {
    name,
    caption: async (request) => {
      const prompt = florence ? CAPTION_TASK : promptOf(CAPTION_PROMPT, {});
      const { answer, confidence } = await write(request, prompt);
      return { caption: answer, confidence };
    },
  };
  return {
    name,
    ...(card && { facts: card }),
    abstainBelow: ABSTAIN_BELOW,
    // what it writes need not be one of them: ranking chooses
    knows: () => false,
    read: async (request) => [await write(request, promptOf(request.question, request))],
    captioner,
    close: async () => void (await model.dispose()),
  };
}

type Library = typeof import('@huggingface/transformers');
type Processor = Awaited<ReturnType<Library['AutoProcessor']['from_pretrained']>>;

/** Upright, checked and decoded by our own reader of pictures; the library only sees pixels. */
async function decode(library: Library, bytes: Uint8Array, limits: MediaLimits) {
  const { pipeline } = await openImage(bytes, limits);
  const { data, info } = await pipeline.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  return new library.RawImage(new Uint8ClampedArray(data), info.width, info.height, info.channels as 3);
}

function chatPrompt(
  processor: Processor,
  { question, history = [] }: Pick<ReaderRequest, 'question' | 'history'>,
): string {
  const said = history.flatMap((turn) => [
    { role: 'user', content: [{ type: 'text', text: turn.question }] },
    { role: 'assistant', content: [{ type: 'text', text: turn.answer }] },
  ]);
  const asked = { role: 'user', content: [{ type: 'image' }, { type: 'text', text: question }] };
  return processor.apply_chat_template([...said, asked] as never, { add_generation_prompt: true }) as string;
}

function textStreamer(
  library: Library,
  tokenizer: NonNullable<Processor['tokenizer']>,
  onText: (text: string) => void,
) {
  return new library.TextStreamer(tokenizer, {
    skip_prompt: true,
    skip_special_tokens: true,
    callback_function: onText,
  });
}

/** The geometric mean of the probabilities of the tokens that were chosen (greedily: each step's greatest). */
class Certainty {
  readonly #logs: number[] = [];

  processors(library: Library) {
    const logs = this.#logs;
    class Listener extends library.LogitsProcessor {
      override _call(_ids: bigint[][], logits: InstanceType<Library['Tensor']>) {
        const row = logits.data as Float32Array;
        let greatest = Number.NEGATIVE_INFINITY;
        for (const value of row) if (value > greatest) greatest = value;
        let sum = 0;
        for (const value of row) sum += Math.exp(value - greatest);
        logs.push(-Math.log(sum));
        return logits;
      }
    }
    const processors = new library.LogitsProcessorList();
    processors.push(new Listener());
    return processors;
  }

  mean(): number {
    return this.#logs.length === 0 ? 0 : Math.exp(this.#logs.reduce((sum, log) => sum + log, 0) / this.#logs.length);
  }
}
