/**
 * The queue port: what Chiasm needs of Amazon SQS. A message that is received and neither acknowledged nor retried comes
 * back after the visibility time-out; one that fails too often goes to the dead letters with its reason.
 */

export interface Delivery<Message> {
  readonly message: Message;
  /** 1 at the first delivery. */
  readonly attempt: number;
  /** Done: the message is removed. Call it only after the work is stored. */
  acknowledge(): Promise<void>;
  /** Not done: the message comes again after `delayMs`, or goes to the dead letters when its attempts are spent. */
  retry(reason: string, delayMs?: number): Promise<void>;
}

export interface QueueDepth {
  /** Waiting to be received. */
  readonly waiting: number;
  /** Received and not yet acknowledged. Amazon SQS counts what waits for the end of a retry's delay here too. */
  readonly inFlight: number;
  readonly dead: number;
}

export interface Queue<Message> {
  send(messages: readonly Message[]): Promise<void>;
  /**
   * Up to `limit` messages; waits up to `waitMs` for the first one. Empty when none came or `signal` was aborted.
   */
  receive(options: {
    readonly limit: number;
    readonly waitMs: number;
    readonly signal?: AbortSignal;
  }): Promise<readonly Delivery<Message>[]>;
  depth(): Promise<QueueDepth>;
}
