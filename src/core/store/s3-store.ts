import type { StorageClass } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { type Clock, packBytesMax, systemClock } from '../base/index.ts';
import { assert, isVersionsError } from '../errors/index.ts';
import { clampRange, partsBytes } from './byte-range.ts';
import type {
  LockingStore,
  ObjectVersion,
  Thaw,
  ThawingStore,
  VersionedStore,
} from './abilities.ts';
import { cancelled, throwIfAborted } from './cancel.ts';
import { assertKeyPrefix, assertObjectKey } from './object-key.ts';
import type {
  CallOptions,
  GetOptions,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  StoreProperties,
} from './object-store.ts';
import { answerInvalid, readBody } from './s3-body.ts';
import {
  openS3Session,
  putCommand,
  s3ConnectionsMax,
  type S3Session,
  type StoreCredentials,
} from './s3-client.ts';
import { isBrokenOff, refusalBehind } from './s3-refusal.ts';
import { isExpired, s3ErrorFrom, statusOf } from './s3-errors.ts';
import { contentHashOf, isDataPack, isLockedKey } from './s3-keys.ts';
import { listS3 } from './s3-list.ts';
import { checksumsOf, S3Locks } from './s3-lock.ts';
import { parseS3Url, type S3Place } from './s3-url.ts';
import { objectNotFound, storeReadOnly } from './store-errors.ts';
import type { FailedCall } from './system-errors.ts';

export interface S3StoreOptions {
  /** Refuse `put` and `delete`. */
  readonly readOnly?: boolean | undefined;
  readonly credentials?: StoreCredentials | undefined;
  /** For how long objects are locked. */
  readonly clock?: Clock | undefined;
  /** Each call over a connection of its own. */
  readonly isFresh?: boolean | undefined;
}

/**
 * A store in a bucket of S3 or of what speaks its language; what comes before every key is the
 * prefix of its URL. An object is one PUT of known length from memory, whose SHA-256 is part of the
 * signature, so that a provider refuses what was changed on the way. Where a key holds the hash of
 * its object, that hash is what is signed: nothing else can be stored under that name.
 *
 * Nothing is sent before the first call. With credentials that turn out to be expired, the next
 * attempt asks for new ones.
 */
export class S3Store implements ObjectStore, VersionedStore, LockingStore, ThawingStore {
  readonly place: S3Place;
  readonly #options: S3StoreOptions;
  readonly #clock: Clock;
  readonly #locks: S3Locks;
  #session: Promise<S3Session> | undefined;
  /** For reads over new connections; made when one is asked for. */
  #fresh: S3Store | undefined;
  #conditional = true;
  /** A request was broken off while it was sent: the next one waits to be let in. */
  #asksFirst = false;

  constructor(place: S3Place, options: S3StoreOptions = {}) {
    this.place = place;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#locks = new S3Locks(place);
  }

  /** Throws `Usage` (STORE_URL_INVALID). */
  static open(url: string, options: S3StoreOptions = {}): S3Store {
    return new S3Store(parseS3Url(url), options);
  }

  get properties(): StoreProperties {
    return {
      location: this.place.location,
      connectionsMax: s3ConnectionsMax,
      objectBytesMax: packBytesMax,
      conditionalPut: this.#conditional,
    };
  }

  async put(key: string, parts: readonly Uint8Array[], options: PutOptions = {}): Promise<void> {
    assertObjectKey(key);
    const bytes = partsBytes(parts);
    assert(bytes <= packBytesMax, `${key} is too large: ${bytes} bytes`);
    this.#assertWritable();
    const { storageClass } = this.place;
    await this.request({ action: 'write', key }, options.signal, async (session) => {
      const { sdk, client } = session;
      const body = joinedParts(parts, bytes);
      const sha256 = contentHashOf(key) ?? createHash('sha256').update(body).digest('hex');
      const conditional = options.ifAbsent === true && this.#conditional;
      const input = {
        ...this.#input(key),
        Body: body,
        ContentLength: bytes,
        ...(conditional && { IfNoneMatch: '*' }),
        ...(isStorageClass(storageClass) &&
          isDataPack(key, body) && { StorageClass: storageClass }),
        ...checksumsOf(this.place, sha256, body),
        ...this.#lock(key),
      };
      const aborted = abortable(options.signal);
      const command = putCommand(sdk, input, { sha256, asksFirst: this.#asksFirst });
      const answer = await client.send(command, aborted).catch(async (error: unknown) => {
        // A provider that knows no conditions says so; `properties` says it from now on.
        if (conditional && statusOf(error) === 501) this.#conditional = false;
        this.#asksFirst = isBrokenOff(error);
        if (!this.#asksFirst) throw error;
        throw (await refusalBehind(session, this.#input(key), aborted)) ?? error;
      });
      this.#asksFirst = false;
      // A page of some proxy on the way must not pass for having stored it.
      if (answer.ETag === undefined) {
        throw answerInvalid(this.place.location, `does not say that it has stored ${key}`);
      }
    });
  }

  async get(key: string, options: GetOptions = {}): Promise<Uint8Array> {
    assertObjectKey(key);
    const { range, signal, isFresh } = options;
    if (isFresh === true && this.#options.isFresh !== true) {
      this.#fresh ??= new S3Store(this.place, { ...this.#options, readOnly: true, isFresh });
      return this.#fresh.get(key, { range, signal });
    }
    if (range !== undefined) clampRange(range, 0);
    if (range?.length === 0) {
      const found = await this.head(key, { signal });
      if (found === undefined) throw objectNotFound(key, this.place.location);
      return new Uint8Array(0);
    }
    return this.request({ action: 'read', key }, signal, async ({ sdk, client }) => {
      const input = { ...this.#input(key), ...(range !== undefined && { Range: headerOf(range) }) };
      const answer = await client
        .send(new sdk.GetObjectCommand(input), abortable(signal))
        .catch((error: unknown) => {
          // The range begins at the end of the object or behind it.
          if (range !== undefined && statusOf(error) === 416) return undefined;
          throw error;
        });
      if (answer === undefined) return new Uint8Array(0);
      return this.#bodyOf(key, answer, options);
    });
  }

  async head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    assertObjectKey(key);
    const { signal } = options;
    return this.request({ action: 'read', key }, signal, async ({ sdk, client }) => {
      try {
        const answer = await client.send(
          new sdk.HeadObjectCommand(this.#input(key)),
          abortable(signal),
        );
        const bytes = answer.ContentLength;
        if (bytes === undefined || !Number.isSafeInteger(bytes) || bytes < 0) {
          throw answerInvalid(this.place.location, `gives no size of ${key}`);
        }
        return { key, bytes };
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    });
  }

  async *list(
    prefix: string,
    options: CallOptions & { readonly after?: string } = {},
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    assertKeyPrefix(prefix);
    const { signal } = options;
    const page = (after: string | undefined, token: string | undefined) =>
      this.request({ action: 'list' }, signal, ({ sdk, client }) =>
        client.send(
          new sdk.ListObjectsV2Command({
            Bucket: this.place.bucket,
            Prefix: this.place.prefix + prefix,
            ...(after !== undefined && { StartAfter: after }),
            ...(token !== undefined && { ContinuationToken: token }),
          }),
          abortable(signal),
        ),
      );
    for await (const info of listS3(page, { prefix, after: options.after, place: this.place })) {
      yield info;
      throwIfAborted(signal);
    }
  }

  async delete(key: string, options: CallOptions = {}): Promise<void> {
    assertObjectKey(key);
    this.#assertWritable();
    const { signal } = options;
    await this.request({ action: 'delete', key }, signal, async ({ sdk, client }) => {
      await client
        .send(new sdk.DeleteObjectCommand(this.#input(key)), abortable(signal))
        .catch((error: unknown) => {
          if (!isVersionsError(s3ErrorFrom(error, this.#failed('delete', key)), 'NotFound'))
            throw error;
        });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await this.#fresh?.[Symbol.asyncDispose]();
    await session?.then(
      ({ client }) => client.destroy(),
      () => {},
    );
  }

  async #bodyOf(
    key: string,
    answer: {
      readonly Body?: unknown;
      readonly ContentLength?: number | undefined;
      readonly ContentRange?: string | undefined;
    },
    { range, signal }: GetOptions,
  ): Promise<Uint8Array> {
    const { location } = this.place;
    const bytes = await readBody({
      body: answer.Body,
      bytes: answer.ContentLength,
      key,
      location,
      bytesMax: packBytesMax,
      signal,
    });
    if (range === undefined) return bytes;
    if (answer.ContentRange === undefined) {
      // It knows no ranges and sent everything.
      const { offset, length } = clampRange(range, bytes.byteLength);
      return bytes.slice(offset, offset + length);
    }
    const start = /^bytes (\d+)-/.exec(answer.ContentRange)?.[1];
    if (Number(start) !== range.offset || bytes.byteLength > range.length) {
      throw answerInvalid(location, `gave another part of ${key} than was asked for`);
    }
    return bytes;
  }

  #input(key: string): { readonly Bucket: string; readonly Key: string } {
    return { Bucket: this.place.bucket, Key: this.place.prefix + key };
  }

  #lock(key: string) {
    const { lock } = this.place;
    if (lock === undefined || !isLockedKey(key)) return {};
    return { ObjectLockMode: lock.mode, ObjectLockRetainUntilDate: this.#lockedUntil(lock.days) };
  }

  #assertWritable(): void {
    if (this.#options.readOnly === true) throw storeReadOnly(this.place.location);
  }

  /** The versions of the object, the newest first; none where the provider keeps none. */
  async *versions(
    key: string,
    { signal }: CallOptions = {},
  ): AsyncGenerator<ObjectVersion, void, undefined> {
    assertObjectKey(key);
    const { Bucket, Key: Prefix } = this.#input(key);
    const answer = await this.request({ action: 'list' }, signal, ({ sdk, client }) => {
      // The object itself sorts before all that its name is the beginning of.
      const command = new sdk.ListObjectVersionsCommand({ Bucket, Prefix });
      return client.send(command, abortable(signal));
    }).catch((error: unknown) => {
      if (isVersionsError(error, 'Unsupported')) return undefined;
      throw error;
    });
    for (const { Key, Size, VersionId } of answer?.Versions ?? []) {
      if (Key === Prefix && VersionId !== undefined)
        yield { key, bytes: Size ?? 0, version: VersionId };
    }
  }

  async getVersion(
    key: string,
    version: string,
    { signal }: CallOptions = {},
  ): Promise<Uint8Array> {
    assertObjectKey(key);
    return this.request({ action: 'read', key }, signal, async ({ sdk, client }) => {
      const command = new sdk.GetObjectCommand({ ...this.#input(key), VersionId: version });
      return this.#bodyOf(key, await client.send(command, abortable(signal)), { signal });
    });
  }

  locks(key: string): boolean {
    return this.place.lock !== undefined && isLockedKey(key);
  }

  async extendLock(key: string, { signal }: CallOptions = {}): Promise<void> {
    const { lock } = this.place;
    assert(lock !== undefined && this.locks(key), `${key} is not locked here`);
    this.#assertWritable();
    const until = this.#lockedUntil(lock.days);
    await this.request({ action: 'write', key }, signal, (session) =>
      this.#locks.extend(session, {
        object: this.#input(key),
        until,
        abortable: abortable(signal),
      }),
    );
  }

  async thaw(key: string, days: number, { signal }: CallOptions = {}): Promise<Thaw> {
    assertObjectKey(key);
    try {
      return await this.request({ action: 'thaw', key }, signal, async ({ sdk, client }) => {
        const RestoreRequest = { Days: days, GlacierJobParameters: { Tier: 'Standard' as const } };
        const command = new sdk.RestoreObjectCommand({ ...this.#input(key), RestoreRequest });
        const { $metadata } = await client.send(command, abortable(signal));
        return $metadata.httpStatusCode === 200 ? 'readable' : 'asked';
      });
    } catch (error) {
      const answer = isVersionsError(error) ? error.context['answer'] : undefined;
      if (answer === 'RestoreAlreadyInProgress') return 'pending';
      if (answer === 'ObjectAlreadyInActiveTierError') return 'readable';
      throw error;
    }
  }

  #lockedUntil(days: number): Date {
    return new Date(this.#clock.now() + days * 86_400_000);
  }

  #failed(action: FailedCall['action'], key?: string): FailedCall {
    return { action, location: this.place.location, key };
  }

  /**
   * Sends what `work` sends, with the client of this store; what fails is told in the words of a
   * store. For abilities that not every store has.
   */
  async request<T>(
    call: Pick<FailedCall, 'action' | 'key'>,
    signal: AbortSignal | undefined,
    work: (session: S3Session) => Promise<T>,
  ): Promise<T> {
    throwIfAborted(signal);
    const { credentials, isFresh } = this.#options;
    const session = (this.#session ??= openS3Session(this.place, credentials, { isFresh }));
    try {
      return await work(await session);
    } catch (error) {
      if (signal?.aborted === true) throw cancelled(signal);
      // The client keeps what it has for as long as it lives.
      if (isExpired(error) && this.#session === session) this.#session = undefined;
      throw s3ErrorFrom(error, this.#failed(call.action, call.key));
    }
  }
}

/** A signal for one request. */
function abortable(signal: AbortSignal | undefined): { readonly abortSignal?: AbortSignal } {
  return signal === undefined ? {} : { abortSignal: signal };
}

function headerOf({
  offset,
  length,
}: {
  readonly offset: number;
  readonly length: number;
}): string {
  return `bytes=${offset}-${Math.min(offset + length - 1, Number.MAX_SAFE_INTEGER)}`;
}

/** The parts as one, which is what a request of known length and hash is made from. */
function joinedParts(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const [first] = parts;
  return first !== undefined && parts.length === 1 ? first : Buffer.concat(parts, bytes);
}

/** Which classes there are, the provider decides: it refuses those that it does not know. */
function isStorageClass(name: string | undefined): name is StorageClass {
  return name !== undefined;
}
