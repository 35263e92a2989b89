import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectLockConfigurationCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import type { StoreCredentials } from '../../../src/core/store/index.ts';
import { damageOrder } from '../../support/damage-order.ts';

const { env } = process;
const accessKeyId = env['AWS_ACCESS_KEY_ID'] ?? '';
const secretAccessKey = env['AWS_SECRET_ACCESS_KEY'] ?? '';
const region = env['AWS_REGION'] ?? 'us-east-1';

/**
 * The server that is tried out: `VERSIONS_TEST_S3` is its endpoint, the variables that AWS SDKs read
 * hold the keys of somebody who may make buckets there.
 */
export const endpoint: string = env['VERSIONS_TEST_S3'] ?? '';
if (endpoint === '' || accessKeyId === '' || secretAccessKey === '') {
  throw new Error(
    'Set VERSIONS_TEST_S3=http://HOST:PORT, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY',
  );
}

/** A server of tables, if one is to be tried out too. */
export const dynamodb: string | undefined = env['VERSIONS_TEST_DYNAMODB'];

export const credentials: StoreCredentials = {
  kind: 'keys',
  load: async () => ({ accessKeyId, secretAccessKey }),
};

/** For programs that are run: nothing of the developer's own gets in. */
export const environment: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  AWS_REGION: region,
  AWS_CONFIG_FILE: '/dev/null',
  AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  AWS_EC2_METADATA_DISABLED: 'true',
};

/** The URL of a mirror there. */
export function urlOf(path: string, more = '', at: string = endpoint): string {
  return `s3://${path}?endpoint=${encodeURIComponent(at)}&region=${region}${more}`;
}

/** Buckets of one test run, made and removed again behind the back of Versions. */
export class Buckets implements AsyncDisposable {
  readonly #client: S3Client = new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  readonly #run: string = `versions-try-${Date.now().toString(36)}`;
  readonly #made = new Set<string>();
  #count = 0;

  async make(): Promise<string> {
    const Bucket = this.#newName();
    await this.#client.send(new CreateBucketCommand({ Bucket }));
    return Bucket;
  }

  /** A bucket with object lock; undefined if the server refuses one, or makes one without. */
  async makeLocked(): Promise<string | undefined> {
    const Bucket = this.#newName();
    try {
      await this.#client.send(
        new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }),
      );
      const command = new GetObjectLockConfigurationCommand({ Bucket });
      const { ObjectLockConfiguration: rule } = await this.#client.send(command);
      return rule?.ObjectLockEnabled === 'Enabled' ? Bucket : undefined;
    } catch {
      return undefined;
    }
  }

  /** Empties and removes a bucket, also while somebody writes into it. */
  async remove(Bucket: string): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      const keys = await this.keys(Bucket);
      for (let at = 0; at < keys.length; at += 16) {
        await Promise.all(keys.slice(at, at + 16).map((key) => this.delete(Bucket, key)));
      }
      try {
        await this.#client.send(new DeleteBucketCommand({ Bucket }));
        break;
      } catch (error) {
        if (attempt === 50) throw error;
      }
    }
    this.#made.delete(Bucket);
  }

  async keys(Bucket: string, Prefix = ''): Promise<string[]> {
    const sizes = await this.#sizes(Bucket, Prefix);
    return [...sizes.keys()];
  }

  /** Packs in the order in which a test damages them. */
  async packs(Bucket: string): Promise<readonly string[]> {
    const sizes = await this.#sizes(Bucket, 'packs/');
    return damageOrder([...sizes.keys()], (key) => sizes.get(key) ?? 0);
  }

  async put(Bucket: string, Key: string, Body: Uint8Array): Promise<void> {
    await this.#client.send(new PutObjectCommand({ Bucket, Key, Body }));
  }

  async get(Bucket: string, Key: string): Promise<Uint8Array> {
    const { Body } = await this.#client.send(new GetObjectCommand({ Bucket, Key }));
    return (await Body?.transformToByteArray()) ?? new Uint8Array(0);
  }

  async delete(Bucket: string, Key: string, VersionId?: string): Promise<void> {
    const version = VersionId !== undefined && { VersionId };
    await this.#client.send(new DeleteObjectCommand({ Bucket, Key, ...version }));
  }

  async versionOf(Bucket: string, Prefix: string): Promise<string | undefined> {
    const { Versions = [] } = await this.#client.send(
      new ListObjectVersionsCommand({ Bucket, Prefix }),
    );
    return Versions[0]?.VersionId;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What is locked stays until its time is over.
    for (const name of this.#made) await this.remove(name).catch(() => {});
    this.#client.destroy();
  }

  #newName(): string {
    this.#count += 1;
    const name = `${this.#run}-${this.#count}`;
    this.#made.add(name);
    return name;
  }

  async #sizes(Bucket: string, Prefix: string): Promise<Map<string, number>> {
    const sizes = new Map<string, number>();
    let token: string | undefined;
    do {
      const more = token !== undefined && { ContinuationToken: token };
      const page = await this.#client.send(new ListObjectsV2Command({ Bucket, Prefix, ...more }));
      for (const { Key = '', Size = 0 } of page.Contents ?? []) sizes.set(Key, Size);
      token = page.NextContinuationToken;
    } while (token !== undefined);
    return sizes;
  }
}
