/** Counts the messages that a receiver has in work. */

import type { Queue } from '#shared/queue/queue.ts';

/** The same queue; `changed` gets the number of messages received and not settled yet, after each change and each look. */
export function countInWork<Message>(
  queue: Pick<Queue<Message>, 'receive'>,
  changed: (messages: number) => void,
): Pick<Queue<Message>, 'receive'> {
  let inWork = 0;
  const add = (messages: number) => {
    inWork += messages;
    changed(inWork);
  };
  return {
    receive: async (options) => {
      const deliveries = await queue.receive(options);
      add(deliveries.length);
      return deliveries.map((delivery) => {
        let left = false;
        const leave = async (settling: Promise<void>) => {
          if (!left) add(-1);
          left = true;
          await settling;
        };
        return {
          ...delivery,
          acknowledge: () => leave(delivery.acknowledge()),
          retry: (reason, delayMs) => leave(delivery.retry(reason, delayMs)),
        };
      });
    },
  };
}
