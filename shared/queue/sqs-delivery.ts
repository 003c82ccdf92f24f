/** One message of Amazon SQS as a delivery, whoever received it: a program that asks, or AWS Lambda on its behalf. */

import { type ChiasmError, toChiasmError } from '#shared/core/errors.ts';
import type { Log } from '#shared/core/log.ts';
import type { Delivery } from './queue.ts';
import type { SqsRedrive } from './sqs-redrive.ts';

export interface SqsDeliveryDependencies<Message> {
  /** What a body says; undefined when there is nothing to do. What it throws sends the body to the dead letters. */
  readonly parse: (body: string) => Message | undefined;
  readonly redrive: Pick<SqsRedrive, 'maxAttempts' | 'giveUp'>;
  readonly log: Log;
}

export interface SqsReceived {
  readonly body: string;
  /** 1 at the first delivery. */
  readonly attempt: number;
  remove(): Promise<void>;
  /** Lets it come again after so many seconds. */
  hide(seconds: number): Promise<void>;
}

const MAX_DELAY_SECONDS = 43_200;

/** Undefined when there is nothing to do with the message, or nothing that can be done. */
export async function createSqsDelivery<Message>(
  { parse, redrive, log }: SqsDeliveryDependencies<Message>,
  { body, attempt, remove, hide }: SqsReceived,
): Promise<Delivery<Message> | undefined> {
  let settled = false;
  const once = async (work: () => Promise<void>) => {
    if (settled) return;
    settled = true;
    await work();
  };
  const acknowledge = () => once(remove);
  const giveUp = (reason: string) =>
    once(async () => {
      await redrive.giveUp(body, reason, attempt); // first: a message may be there twice, never nowhere
      await remove();
    });
  const retry = (reason: string, delayMs = 0) =>
    attempt >= redrive.maxAttempts
      ? giveUp(reason)
      : once(() => hide(Math.min(Math.ceil(delayMs / 1000), MAX_DELAY_SECONDS)));

  const { value: message, error } = attemptTo(() => parse(body));
  if (message !== undefined) return { message, attempt, acknowledge, retry };
  if (error !== undefined) log.warn('queue.message_refused', { error });
  await (error === undefined ? acknowledge() : giveUp(error.message)).catch(
    (fault) => log.error('queue.message_left', { error: toChiasmError(fault) }), // it comes again
  );
  return undefined;
}

function attemptTo<Value>(work: () => Value): { readonly value?: Value; readonly error?: ChiasmError } {
  try {
    return { value: work() };
  } catch (thrown) {
    return { error: toChiasmError(thrown) };
  }
}
