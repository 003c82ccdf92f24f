/**
 * The reader port: looks at one picture and answers a question about it. Adapters: `classifier-reader.ts` (a list of
 * answers, the bundled model and ViLT), `ranking-reader.ts` (any contrastive encoder), `generative-reader.ts`
 * (Florence-2, SmolVLM), `bedrock-reader.ts` (Amazon Bedrock).
 */

import type { ModelFacts } from '#shared/models/model-card.ts';

/** One turn of a conversation that lies behind. */
export interface Exchange {
  readonly question: string;
  readonly answer: string;
}

export interface ReaderRequest {
  /** The bytes of a picture file. */
  readonly image: Uint8Array;
  readonly question: string;
  /** The answer is one of these. */
  readonly choices?: readonly string[];
  /** Oldest first. */
  readonly history?: readonly Exchange[];
  /** Called with each piece of text as it is generated; never by readers that choose from a list. */
  readonly onText?: (text: string) => void;
  readonly signal?: AbortSignal;
}

export interface CandidateAnswer {
  readonly answer: string;
  /** In [0, 1]: how probable the reader holds it that this is the answer. */
  readonly confidence: number;
}

export interface Reader {
  /** Of the model. */
  readonly name: string;
  /** From its card, where it has one. */
  readonly facts?: ModelFacts;
  /** Below this confidence an answer is worse than saying "I don't know". */
  readonly abstainBelow: number;
  /** Whether it can choose among these answers. */
  knows(choices: readonly string[]): boolean;
  /**
   * The best answers first, at least one.
   * @throws ChiasmError `corrupt_input`, `unsupported_type`, `too_large` for the picture; `cancelled` after `signal`
   */
  read(request: ReaderRequest): Promise<readonly CandidateAnswer[]>;
  /** Where the model describes pictures by itself. */
  readonly captioner?: Captioner;
  close(): Promise<void>;
}

export interface Caption {
  readonly caption: string;
  readonly confidence: number;
}

export interface Captioner {
  readonly name: string;
  caption(request: Pick<ReaderRequest, 'image' | 'onText' | 'signal'>): Promise<Caption>;
}
