import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { makeBucket, makeUsers, type UserKeys, urlOf } from '../services/buckets.ts';
import { credentials } from '../services/service.ts';
import { type Services, startServices } from '../services/services.ts';

const bucket = 'far-away';
const prefix = 'a/place';
const reading = ['s3:GetObject', 's3:ListBucket', 's3:ListBucketVersions', 's3:GetObjectVersion'];

/** Keys for one bucket, as a provider would give them out. */
const keysOf = (name: string): UserKeys => ({
  accessKeyId: `${name}-key`,
  secretAccessKey: `the secret of the ${name}`,
});

/**
 * A bucket at a provider that is not AWS: a server of its own that keeps objects as plain files, with
 * one pair of keys that may read and another that may also write.
 */
export class FarBucket implements AsyncDisposable {
  readonly reader: UserKeys = keysOf('reader');
  readonly healer: UserKeys = keysOf('healer');
  readonly #services: Services;

  private constructor(services: Services) {
    this.#services = services;
  }

  static async start(): Promise<FarBucket> {
    const far = new FarBucket(await startServices(['versitygw']));
    const gateway = far.#services.get('versitygw');
    await makeBucket(gateway, bucket);
    await makeUsers(gateway, bucket, [
      { ...far.reader, actions: reading },
      { ...far.healer, actions: [...reading, 's3:PutObject'] },
    ]);
    return far;
  }

  get url(): string {
    return urlOf(this.#services.get('versitygw'), `${bucket}/${prefix}`);
  }

  /** Lines of `~/.aws/config` that give the owner's keys. */
  profile(name: string): readonly string[] {
    return [
      `[profile ${name}]`,
      `aws_access_key_id = ${credentials.accessKeyId}`,
      `aws_secret_access_key = ${credentials.secretAccessKey}`,
    ];
  }

  read(key: string): Buffer | undefined {
    try {
      return readFileSync(this.#file(key));
    } catch {
      return undefined;
    }
  }

  /** Behind the back of the server. */
  replace(key: string, bytes: Uint8Array): void {
    writeFileSync(this.#file(key), bytes);
  }

  remove(key: string): void {
    rmSync(this.#file(key));
  }

  /** What the provider answers to whoever tries to write over an object, and to delete it. */
  async attempts(keys: UserKeys, key: string): Promise<{ put: string; remove: string }> {
    const { endpoint } = this.#services.get('versitygw');
    const { region } = credentials;
    const client = new S3Client({ endpoint, region, credentials: keys, forcePathStyle: true });
    const at = { Bucket: bucket, Key: `${prefix}/${key}` };
    const answers = await Promise.allSettled([
      client.send(new PutObjectCommand({ ...at, Key: `${at.Key}.tried`, Body: 'x' })),
      client.send(new DeleteObjectCommand(at)),
    ]);
    client.destroy();
    const [put = '', remove = ''] = answers.map((answer) =>
      answer.status === 'fulfilled' ? 'done' : (answer.reason as Error).name,
    );
    return { put, remove };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#services[Symbol.asyncDispose]();
  }

  #file(key: string): string {
    return join(this.#services.get('versitygw').data, bucket, prefix, key);
  }
}
