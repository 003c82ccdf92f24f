/** One frame of `application/vnd.amazon.eventstream`: lengths, CRC-32 of both, headers, JSON payload, CRC-32 of the whole. */

import { crc32 } from 'node:zlib';

const STRING = 7;

export function eventFrame(event: string, payload: object): Buffer {
  const headers = Buffer.concat(
    Object.entries({ ':event-type': event, ':content-type': 'application/json', ':message-type': 'event' }).map(
      ([name, text]) => {
        const length = Buffer.alloc(2);
        length.writeUInt16BE(text.length);
        return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), Buffer.from([STRING]), length, Buffer.from(text)]); // biome-ignore format: one line
      },
    ),
  );
  const body = Buffer.from(JSON.stringify(payload));
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(12 + headers.length + body.length + 4, 0);
  prelude.writeUInt32BE(headers.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const message = Buffer.concat([prelude, headers, body]);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(message));
  return Buffer.concat([message, checksum]);
}
