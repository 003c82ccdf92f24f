/**
 * A stream of unknown length to Amazon S3: one plain put when it is short, a multipart upload otherwise. Parts are held in
 * memory until they are stored, so that a failed one can be sent again; nothing appears before the last step.
 */

import type { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  type PutObjectCommandInput,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';

/** S3 allows 5 MiB to 5 GiB and 10,000 parts: 8 MiB reach 80 GB. */
export const PART_BYTES = 8 * 1024 * 1024;
const PARTS_AT_ONCE = 4;

export type UploadTarget = Pick<PutObjectCommandInput, 'ContentType' | 'Metadata' | 'IfMatch' | 'IfNoneMatch'> & {
  readonly Bucket: string;
  readonly Key: string;
};

/** Consecutive buffers of exactly `PART_BYTES`, the last one shorter; one empty buffer for an empty stream. */
export async function* cutIntoParts(body: Readable): AsyncGenerator<Buffer> {
  let chunks: Buffer[] = [];
  let sizeBytes = 0;
  let cut = false;
  for await (const data of body) {
    let chunk: Buffer = Buffer.isBuffer(data) ? data : Buffer.from(data);
    while (sizeBytes + chunk.length >= PART_BYTES) {
      const missing = PART_BYTES - sizeBytes;
      yield Buffer.concat([...chunks, chunk.subarray(0, missing)]);
      cut = true;
      chunk = chunk.subarray(missing);
      chunks = [];
      sizeBytes = 0;
    }
    chunks.push(chunk);
    sizeBytes += chunk.length;
  }
  if (sizeBytes > 0 || !cut) yield Buffer.concat(chunks);
}

/** Uploads the parts and puts them together; returns the object's quoted etag. */
export async function uploadParts(client: S3Client, target: UploadTarget, parts: AsyncIterable<Buffer>) {
  const { IfMatch, IfNoneMatch, ...created } = target;
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(created));
  const upload = { Bucket: target.Bucket, Key: target.Key, UploadId };
  const sending = new Set<Promise<CompletedPart>>();
  try {
    const sent: Promise<CompletedPart>[] = [];
    for await (const part of parts) {
      const one = uploadPart(client, { ...upload, PartNumber: sent.length + 1 }, part);
      sent.push(one);
      sending.add(one);
      one.then(() => sending.delete(one)).catch(() => {}); // its error is thrown by the race or by all()
      if (sending.size >= PARTS_AT_ONCE) await Promise.race(sending);
    }
    const MultipartUpload = { Parts: await Promise.all(sent) };
    const complete = { ...upload, MultipartUpload, IfMatch, IfNoneMatch };
    return (await client.send(new CompleteMultipartUploadCommand(complete))).ETag;
  } catch (error) {
    await Promise.allSettled(sending);
    // The first error counts; parts that stay behind if this fails too are removed by the bucket's lifecycle rule.
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => {});
    throw error;
  }
}

async function uploadPart(
  client: S3Client,
  part: { Bucket: string; Key: string; UploadId: string | undefined; PartNumber: number },
  Body: Buffer,
): Promise<CompletedPart> {
  const { $metadata: _answer, ...stored } = await client.send(new UploadPartCommand({ ...part, Body }));
  return {
    PartNumber: part.PartNumber,
    ETag: stored.ETag,
    ...(stored.ChecksumCRC32 !== undefined && { ChecksumCRC32: stored.ChecksumCRC32 }),
  };
}
