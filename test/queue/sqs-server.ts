/**
 * A server with the JSON protocol of Amazon SQS for tests, in memory: standard queues with visibility, batches, long polling
 * and redrive by the API reference and the developer guide; and it fails on demand.
 */

import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type Clock, systemClock } from '#shared/core/clock.ts';

export interface SqsFault {
  /** Only this action: `ReceiveMessage`; all when absent. */
  readonly action?: string;
  /** @default 1 */
  readonly times?: number;
  /**
   * A number answers this status and does nothing. `drop-before`: the connection breaks and nothing is done. `drop-after`:
   * it is done and the connection breaks. `fail-entries`: every second entry of a batch fails by the server's fault.
   */
  readonly effect: 500 | 503 | 'drop-before' | 'drop-after' | 'fail-entries';
}

export interface SqsLetter {
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface SqsTestServer {
  readonly settings: {
    readonly region: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  /** Actions so far, with the number of entries of a batch. */
  readonly requests: readonly { readonly action: string; readonly entries: number }[];
  /** A new queue with dead letters of its own. */
  createQueue(settings: { readonly visibilityMs: number; readonly maxAttempts: number }): string;
  createQueueWithoutDeadLetters(): string;
  dead(queueUrl: string): readonly SqsLetter[];
  /** Puts bodies into a queue as other programs do. */
  put(queueUrl: string, bodies: readonly string[]): void;
  fail(fault: SqsFault): void;
  close(): void;
}

interface StoredMessage {
  readonly id: string;
  readonly body: string;
  readonly attributes: Record<string, { DataType: string; StringValue: string }>;
  visibleAtMs: number;
  receives: number;
  receipt: string | undefined;
}
interface StoredQueue {
  readonly visibilityMs: number;
  readonly redrive: { readonly dead: StoredQueue; readonly name: string; readonly maxAttempts: number } | undefined;
  readonly messages: StoredMessage[];
}
type Input = Record<string, any>;
class Refusal extends Error {
  readonly code: string;
  constructor(code: string, message = code) {
    super(message);
    this.code = code;
  }
}

const POLL_MS = 5;
const MAX_BATCH_BYTES = 1_048_576;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what a body may hold, by the API reference
const BODY = /^[\u0009\u000a\u000d\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]+$/u;

export async function startSqsServer({ now }: Clock = systemClock): Promise<SqsTestServer> {
  const queues = new Map<string, StoredQueue>();
  const requests: { action: string; entries: number }[] = [];
  const faults: { readonly fault: SqsFault; left: number }[] = [];

  const server = createServer((incoming, outgoing) => {
    respond(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function respond(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const action = String(incoming.headers['x-amz-target']).replace('AmazonSQS.', '');
    const input: Input = JSON.parse(await text(incoming));
    requests.push({ action, entries: input.Entries?.length ?? 0 });
    const effect = takeFault(action);
    if (effect === 'drop-before') return void incoming.socket.destroy();
    const send = (status: number, body: object) => {
      if (effect === 'drop-after') return void incoming.socket.destroy();
      outgoing.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': randomUUID() });
      outgoing.end(JSON.stringify(body));
    };
    if (typeof effect === 'number') return send(effect, { __type: 'com.amazonaws.sqs#ServiceUnavailable' });
    try {
      if (!/^AWS4-HMAC-SHA256 .*\/sqs\/aws4_request/.test(incoming.headers.authorization ?? '')) {
        throw new Refusal('MissingAuthenticationToken');
      }
      const queue = queues.get(String(input.QueueUrl));
      if (queue === undefined) throw new Refusal('QueueDoesNotExist', 'The specified queue does not exist.');
      const gone = () => outgoing.destroyed || incoming.socket.destroyed;
      send(200, await act(action, queue, input, effect === 'fail-entries', gone));
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      send(400, { __type: `com.amazonaws.sqs#${thrown.code}`, message: thrown.message });
    }
  }

  function takeFault(action: string): SqsFault['effect'] | undefined {
    const found = faults.find(({ fault, left }) => left > 0 && (fault.action ?? action) === action);
    if (found !== undefined) found.left -= 1;
    return found?.fault.effect;
  }

  async function act(action: string, queue: StoredQueue, input: Input, half: boolean, gone: () => boolean) {
    if (action === 'SendMessage') return sendOne(queue, input);
    if (action === 'SendMessageBatch') {
      const bytes = input.Entries.reduce((sum: number, entry: Input) => sum + Buffer.byteLength(entry.MessageBody), 0);
      if (bytes > MAX_BATCH_BYTES) throw new Refusal('BatchRequestTooLong');
      return batch(input, half, (entry) => sendOne(queue, entry));
    }
    if (action === 'ReceiveMessage') return { Messages: await receive(queue, input, gone) };
    if (action === 'DeleteMessageBatch') return batch(input, half, (entry) => deleteOne(queue, entry));
    if (action === 'ChangeMessageVisibilityBatch') return batch(input, half, (entry) => changeVisibility(queue, entry));
    if (action === 'GetQueueAttributes') return { Attributes: attributesOf(queue) };
    throw new Refusal('InvalidAction', action);
  }

  function batch(input: Input, half: boolean, one: (entry: Input) => Input) {
    const entries: Input[] = input.Entries;
    if (entries.length === 0) throw new Refusal('EmptyBatchRequest');
    if (entries.length > 10) throw new Refusal('TooManyEntriesInBatchRequest');
    if (new Set(entries.map(({ Id }) => Id)).size < entries.length) throw new Refusal('BatchEntryIdsNotDistinct');
    const Successful: Input[] = [];
    const Failed: Input[] = [];
    for (const [i, entry] of entries.entries()) {
      const { Id } = entry;
      try {
        if (half && i % 2 === 1) throw new Refusal('InternalError');
        Successful.push({ Id, ...one(entry) });
      } catch (thrown) {
        if (!(thrown instanceof Refusal)) throw thrown;
        const SenderFault = thrown.code !== 'InternalError';
        Failed.push({ Id, SenderFault, Code: thrown.code, Message: thrown.message });
      }
    }
    return { Successful, ...(Failed.length > 0 && { Failed }) };
  }

  function sendOne(queue: StoredQueue, { MessageBody, MessageAttributes = {} }: Input) {
    if (typeof MessageBody !== 'string' || !BODY.test(MessageBody)) throw new Refusal('InvalidMessageContents');
    return { MessageId: add(queue, MessageBody, MessageAttributes).id, MD5OfMessageBody: md5(MessageBody) };
  }

  function add(queue: StoredQueue, body: string, attributes: StoredMessage['attributes']): StoredMessage {
    const message = { id: randomUUID(), body, attributes, visibleAtMs: 0, receives: 0, receipt: undefined };
    queue.messages.push(message);
    return message;
  }

  async function receive(queue: StoredQueue, input: Input, gone: () => boolean): Promise<Input[]> {
    const { MaxNumberOfMessages: limit = 1, WaitTimeSeconds: waitSeconds = 0 } = input;
    if (!(limit >= 1 && limit <= 10)) throw new Refusal('InvalidParameterValue', `MaxNumberOfMessages ${limit}`);
    if (!(Number.isInteger(waitSeconds) && waitSeconds >= 0 && waitSeconds <= 20)) {
      throw new Refusal('InvalidParameterValue', `WaitTimeSeconds ${waitSeconds}`);
    }
    const endMs = Date.now() + waitSeconds * 1000;
    for (;;) {
      if (gone()) return [];
      const taken = take(queue, limit);
      if (taken.length > 0 || Date.now() >= endMs) return taken;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  function take(queue: StoredQueue, limit: number): Input[] {
    const taken: Input[] = [];
    for (const message of [...queue.messages]) {
      if (taken.length >= limit) break;
      if (message.visibleAtMs > now()) continue;
      if (queue.redrive !== undefined && message.receives >= queue.redrive.maxAttempts) {
        queue.messages.splice(queue.messages.indexOf(message), 1);
        add(queue.redrive.dead, message.body, message.attributes);
        continue;
      }
      message.receives += 1;
      message.receipt = randomUUID();
      message.visibleAtMs = now() + queue.visibilityMs;
      taken.push({
        MessageId: message.id,
        Body: message.body,
        MD5OfBody: md5(message.body),
        ReceiptHandle: message.receipt,
        Attributes: { ApproximateReceiveCount: String(message.receives) },
      });
    }
    return taken;
  }

  function deleteOne(queue: StoredQueue, { ReceiptHandle }: Input) {
    const at = queue.messages.findIndex(({ receipt }) => receipt === ReceiptHandle);
    if (at >= 0) queue.messages.splice(at, 1); // a receipt that is out of date removes nothing, and is no error
    return {};
  }

  function changeVisibility(queue: StoredQueue, { ReceiptHandle, VisibilityTimeout: seconds }: Input) {
    if (!(Number.isInteger(seconds) && seconds >= 0 && seconds <= 43_200)) throw new Refusal('InvalidParameterValue');
    const message = queue.messages.find(({ receipt }) => receipt === ReceiptHandle);
    if (message === undefined || message.visibleAtMs <= now()) throw new Refusal('MessageNotInflight');
    message.visibleAtMs = seconds === 0 ? 0 : now() + seconds * 1000;
    return {};
  }

  function attributesOf(queue: StoredQueue): Record<string, string> {
    const hidden = queue.messages.filter(({ visibleAtMs }) => visibleAtMs > now()).length;
    const { redrive } = queue;
    const policy = redrive && {
      deadLetterTargetArn: `arn:aws:sqs:eu-central-1:000000000000:${redrive.name}`,
      maxReceiveCount: redrive.maxAttempts,
    };
    return {
      ApproximateNumberOfMessages: String(queue.messages.length - hidden),
      ApproximateNumberOfMessagesNotVisible: String(hidden),
      ApproximateNumberOfMessagesDelayed: '0',
      VisibilityTimeout: String(queue.visibilityMs / 1000),
      ...(policy && { RedrivePolicy: JSON.stringify(policy) }),
    };
  }

  function createQueue(visibilityMs: number, maxAttempts?: number): string {
    const name = `queue-${queues.size}`;
    const url = `${origin}/000000000000/${name}`;
    const dead: StoredQueue = { visibilityMs: 30_000, redrive: undefined, messages: [] };
    const redrive = maxAttempts === undefined ? undefined : { dead, name: `${name}-dead`, maxAttempts };
    if (redrive !== undefined) queues.set(`${url}-dead`, dead);
    queues.set(url, { visibilityMs, redrive, messages: [] });
    return url;
  }

  return {
    settings: { region: 'eu-central-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test-secret' } },
    requests,
    createQueue: ({ visibilityMs, maxAttempts }) => createQueue(visibilityMs, maxAttempts),
    createQueueWithoutDeadLetters: () => createQueue(30_000),
    dead: (queueUrl) =>
      queues.get(`${queueUrl}-dead`)!.messages.map(({ body, attributes }) => ({
        body,
        attributes: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, value.StringValue])),
      })),
    put: (queueUrl, bodies) => {
      for (const body of bodies) add(queues.get(queueUrl)!, body, {});
    },
    fail: (fault) => void faults.push({ fault, left: fault.times ?? 1 }),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function md5(content: string): string {
  return createHash('md5').update(content).digest('hex');
}
