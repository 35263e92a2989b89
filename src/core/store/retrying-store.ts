import { bytesEqual, type Clock, type Random } from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { partsBytes } from './byte-range.ts';
import { raceAbort, throwIfAborted } from './cancel.ts';
import { ForwardingStore } from './forwarding-store.ts';
import type {
  CallOptions,
  GetOptions,
  ObjectInfo,
  ObjectStore,
  PutOptions,
} from './object-store.ts';

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The first attempt counts. Default 6. */
  readonly attemptsMax?: number;
  /** No attempt begins later than this after the first. Default 2 minutes. */
  readonly totalMsMax?: number;
  /** The longest wait before the second attempt; doubled before each later one. Default 250. */
  readonly delayMs?: number;
  /** Default 20 seconds. */
  readonly delayMsMax?: number;
}

/**
 * Tries again what failed with `Unavailable`, except for a store that is full or not there. Waits a
 * random time from nothing to a bound that doubles, so that many clients do not come back together.
 * A listing goes on behind the last object it gave, and counts its attempts from there. If the
 * answer to a `put` with `ifAbsent` was lost, a later attempt that meets an object with the same
 * bytes has succeeded. The last failure is thrown as it is.
 */
export class RetryingStore extends ForwardingStore {
  readonly #options: Required<RetryOptions>;

  constructor(inner: ObjectStore, options: RetryOptions) {
    super(inner);
    this.#options = {
      attemptsMax: 6,
      totalMsMax: 120_000,
      delayMs: 250,
      delayMsMax: 20_000,
      ...options,
    };
  }

  override put(key: string, parts: readonly Uint8Array[], options: PutOptions = {}): Promise<void> {
    return this.#retry(options.signal, async (attempt) => {
      try {
        await this.inner.put(key, parts, options);
      } catch (error) {
        const lostAnswer = attempt > 1 && isVersionsError(error, 'Conflict');
        if (!lostAnswer || !(await this.#holds(key, parts, options.signal))) throw error;
      }
    });
  }

  override get(key: string, options: GetOptions = {}): Promise<Uint8Array> {
    return this.#retry(options.signal, () => this.inner.get(key, options));
  }

  override head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    return this.#retry(options.signal, () => this.inner.head(key, options));
  }

  override async *list(
    prefix: string,
    options: CallOptions & { readonly after?: string } = {},
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    let after = options.after;
    let attempts = new Attempts(this.#options);
    for (;;) {
      try {
        const rest = after === undefined ? options : { ...options, after };
        for await (const info of this.inner.list(prefix, rest)) {
          yield info;
          after = info.key;
          attempts = new Attempts(this.#options);
        }
        return;
      } catch (error) {
        await attempts.afterFailure(error, options.signal);
      }
    }
  }

  override delete(key: string, options: CallOptions = {}): Promise<void> {
    return this.#retry(options.signal, () => this.inner.delete(key, options));
  }

  async #retry<T>(
    signal: AbortSignal | undefined,
    call: (attempt: number) => Promise<T>,
  ): Promise<T> {
    const attempts = new Attempts(this.#options);
    for (;;) {
      try {
        return await call(attempts.number);
      } catch (error) {
        await attempts.afterFailure(error, signal);
      }
    }
  }

  async #holds(
    key: string,
    parts: readonly Uint8Array[],
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const stored = await this.inner.get(key, { signal });
    let offset = 0;
    for (const part of parts) {
      const end = offset + part.byteLength;
      if (!bytesEqual(stored.subarray(offset, end), part)) return false;
      offset = end;
    }
    return stored.byteLength === partsBytes(parts);
  }
}

/** The attempts at one call. */
class Attempts {
  number = 1;
  readonly #options: Required<RetryOptions>;
  readonly #startedAt: number;

  constructor(options: Required<RetryOptions>) {
    this.#options = options;
    this.#startedAt = options.clock.now();
  }

  /** Resolves when the next attempt may begin; throws `error` if there is to be none. */
  async afterFailure(error: unknown, signal: AbortSignal | undefined): Promise<void> {
    const { attemptsMax, totalMsMax, clock, delayMs, delayMsMax } = this.#options;
    if (!isWorthRetrying(error) || this.number >= attemptsMax) throw error;
    const bound = Math.min(delayMsMax, delayMs * 2 ** (this.number - 1));
    const wait = Math.floor(this.#fraction() * bound);
    if (clock.now() + wait - this.#startedAt > totalMsMax) throw error;
    throwIfAborted(signal);
    await raceAbort(clock.sleep(wait, signal), signal);
    this.number += 1;
  }

  /** From 0 up to but not including 1. */
  #fraction(): number {
    const bytes = this.#options.random.bytes(4);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / 2 ** 32;
  }
}

function isWorthRetrying(error: unknown): boolean {
  return isVersionsError(error, 'Unavailable') && !lasting.has(error.code);
}

/** Waiting a little does not change these. */
const lasting: ReadonlySet<string> = new Set(['STORE_FULL', 'STORE_ABSENT']);
