import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { StoreCredentials } from '../../src/core/store/index.ts';
import { credentials, type Service } from './service.ts';

/** The credentials of all services, as a store takes them. */
export const serviceCredentials: StoreCredentials = {
  kind: 'keys',
  load: async () => credentials,
};

/** A client of the test's own, for what a store cannot do. */
export function clientOf(service: Service): S3Client {
  return new S3Client({
    endpoint: service.endpoint,
    region: credentials.region,
    credentials,
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

/** Makes a bucket. With a lock it keeps versions too. */
export async function makeBucket(
  service: Service,
  name: string,
  options: { readonly lock?: boolean } = {},
): Promise<void> {
  const client = clientOf(service);
  const lock = options.lock ?? false;
  await client.send(new CreateBucketCommand({ Bucket: name, ObjectLockEnabledForBucket: lock }));
  client.destroy();
}

/** The URL of a mirror in a bucket of the service. */
export function urlOf(service: Service, path: string, more = ''): string {
  const endpoint = encodeURIComponent(service.endpoint);
  return `s3://${path}?endpoint=${endpoint}&region=${credentials.region}${more}`;
}
