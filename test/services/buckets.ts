import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CreateBucketCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3';
import type { StoreCredentials } from '../../src/core/store/index.ts';
import { installVersitygw } from './programs.ts';
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
export function urlOf(service: Pick<Service, 'endpoint'>, path: string, more = ''): string {
  const endpoint = encodeURIComponent(service.endpoint);
  return `s3://${path}?endpoint=${endpoint}&region=${credentials.region}${more}`;
}

/** Keys of somebody who is not the owner of a server. */
export interface UserKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Makes users of a versitygw, each of whom may do in one bucket what is listed, and nothing else. */
export async function makeUsers(
  gateway: Service,
  bucket: string,
  users: readonly (UserKeys & { readonly actions: readonly string[] })[],
): Promise<void> {
  const { file } = await installVersitygw();
  const { accessKeyId, secretAccessKey } = credentials;
  const owner = ['--access', accessKeyId, '--secret', secretAccessKey];
  for (const user of users) {
    const keys = ['--access', user.accessKeyId, '--secret', user.secretAccessKey];
    const admin = ['admin', ...owner, '--endpoint-url', gateway.endpoint];
    await promisify(execFile)(file, [...admin, 'create-user', ...keys, '--role', 'user']);
  }
  const Statement = users.map(({ accessKeyId: Principal, actions }) => ({
    Effect: 'Allow',
    Principal,
    Action: actions,
    Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
  }));
  const client = clientOf(gateway);
  const Policy = JSON.stringify({ Version: '2012-10-17', Statement });
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy }));
  client.destroy();
}
