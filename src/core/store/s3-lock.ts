import { createHash } from 'node:crypto';
import { VersionsError } from '../errors/index.ts';
import type { S3Session } from './s3-client.ts';
import { s3ErrorFrom } from './s3-errors.ts';
import type { S3Place } from './s3-url.ts';

/** An object, and the moment until which nobody shall delete it. */
export interface LockCall {
  readonly object: { readonly Bucket: string; readonly Key: string };
  readonly until: Date;
  readonly abortable: { readonly abortSignal?: AbortSignal };
}

/**
 * Locks the objects of one bucket anew. A provider that knows no locks may take the request for one
 * that stores an object, and what it is to lock until when for its bytes: OpenStack Swift does. So
 * nothing is sent before the provider has said that this bucket locks, and the first object is
 * looked at before and after; until then, one at a time.
 *
 * Throws `Unsupported` (STORE_LOCKS_NOTHING) where nothing is locked; what was locked anew stays so.
 */
export class S3Locks {
  readonly #place: S3Place;
  #isProven = false;
  #refusal: VersionsError | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(place: S3Place) {
    this.#place = place;
    // AWS itself has them, and a policy need not allow to ask.
    this.#isProven = place.endpoint === undefined;
  }

  /** Rejects with what the SDK throws, but for what is said above. */
  async extend(session: S3Session, call: LockCall): Promise<void> {
    if (!this.#isProven) {
      const turn = this.#turn.then(async () => this.#isProven || this.#prove(session, call));
      this.#turn = turn.catch(() => {});
      if ((await turn) === 'extended') return;
    }
    await this.#send(session, call);
  }

  async #prove(session: S3Session, call: LockCall): Promise<'extended'> {
    if (this.#refusal !== undefined) throw this.#refusal;
    if (!(await this.#isSaid(session, call))) throw this.#refuse('locks no objects');
    const before = await bytesOf(session, call);
    await this.#send(session, call);
    const after = await bytesOf(session, call);
    if (after !== before) throw this.#refuse(`has written over ${call.object.Key} to lock it`);
    this.#isProven = true;
    return 'extended';
  }

  /** Whether the bucket locks; if nobody may ask for that, whether the object says so. */
  async #isSaid({ sdk, client }: S3Session, { object, abortable }: LockCall): Promise<boolean> {
    const { Bucket } = object;
    try {
      const command = new sdk.GetObjectLockConfigurationCommand({ Bucket });
      const { ObjectLockConfiguration: rule } = await client.send(command, abortable);
      return rule?.ObjectLockEnabled === 'Enabled';
    } catch (error) {
      const { kind, code } = s3ErrorFrom(error, { action: 'read', location: this.#place.location });
      const isNone = kind === 'Unsupported' || code === 'STORE_REFUSES' || kind === 'NotFound';
      if (isNone) return false;
      if (code !== 'STORE_DENIED') throw error;
    }
    const { ObjectLockMode } = await client.send(new sdk.HeadObjectCommand(object), abortable);
    return ObjectLockMode !== undefined;
  }

  async #send({ sdk, client }: S3Session, { object, until, abortable }: LockCall): Promise<void> {
    const Retention = { Mode: this.#place.lock?.mode, RetainUntilDate: until };
    await client.send(new sdk.PutObjectRetentionCommand({ ...object, Retention }), abortable);
  }

  #refuse(what: string): VersionsError {
    const { location } = this.#place;
    this.#refusal = new VersionsError('Unsupported', 'STORE_LOCKS_NOTHING', `${location} ${what}`, {
      hint: 'Take lock-days out of its URL with `versions mirror set`, or use a bucket that was made with object lock; `versions doctor` says what a bucket can do',
      context: { location },
    });
    return this.#refusal;
  }
}

async function bytesOf(
  { sdk, client }: S3Session,
  { object, abortable }: LockCall,
): Promise<number | undefined> {
  const answer = await client.send(new sdk.HeadObjectCommand(object), abortable);
  return answer.ContentLength;
}

/**
 * What a PUT says about its body besides the hash that is signed. AWS keeps that with the object; of
 * others, only those that lock ask for one, and some of them know none but MD5: for them alone the
 * body is hashed once more.
 */
export function checksumsOf(
  { endpoint, lock }: S3Place,
  sha256: string,
  body: Uint8Array,
): { readonly ChecksumSHA256?: string; readonly ContentMD5?: string } {
  if (endpoint !== undefined && lock === undefined) return {};
  const ChecksumSHA256 = Buffer.from(sha256, 'hex').toString('base64');
  if (endpoint === undefined) return { ChecksumSHA256 };
  return { ChecksumSHA256, ContentMD5: createHash('md5').update(body).digest('base64') };
}
