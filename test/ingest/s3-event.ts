/** Event documents as Amazon S3 sends them to EventBridge; fields and form from the user guide, "EventBridge event examples". */

export interface S3EventOptions {
  readonly bucket: string;
  readonly key: string;
  readonly sequencer: string;
  readonly sizeBytes?: number;
}

export function s3Event(
  detailType: 'Object Created' | 'Object Deleted',
  { bucket, key, sequencer, sizeBytes = 5 }: S3EventOptions,
): object {
  const created = detailType === 'Object Created';
  const etag = 'b1946ac92492d2347c6235b4d2611184';
  return {
    version: '0',
    id: '17793124-05d4-b198-2fde-7ededc63b103',
    'detail-type': detailType,
    source: 'aws.s3',
    account: '111122223333',
    time: '2026-11-12T00:00:00Z',
    region: 'eu-central-1',
    resources: [`arn:aws:s3:::${bucket}`],
    detail: {
      version: '0',
      bucket: { name: bucket },
      object: created ? { key, size: sizeBytes, etag, sequencer } : { key, sequencer },
      'request-id': 'N4N7GDK58NMKJ12R',
      requester: '123456789012',
      'source-ip-address': '1.2.3.4',
      ...(created ? { reason: 'PutObject' } : { reason: 'DeleteObject', 'deletion-type': 'Permanently Deleted' }),
    },
  };
}
