import { bytesEqual, type Clock, type Random } from '../base/index.ts';
import { isVersionsError, type VersionsError } from '../errors/index.ts';
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
  /** The same for a store that has never answered: it may never do. Default: no difference. */
  readonly firstMsMax?: number;
  /** The same if no connection to it came about: its address may be wrong. Default: as above. */
  readonly unreachedMsMax?: number;
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
 *
 * It is a circuit breaker too: once nothing has come through for as long as one call may try, every
 * further call has one attempt, until one succeeds. Time in which the machine slept does not count:
 * what was cut off by that is tried again.
 */
export class RetryingStore extends ForwardingStore {
  readonly #options: Required<RetryOptions>;
  readonly #circuit = new Circuit();

  constructor(inner: ObjectStore, options: RetryOptions) {
    super(inner);
    this.#options = {
      attemptsMax: 6,
      totalMsMax: 120_000,
      firstMsMax: options.totalMsMax ?? 120_000,
      unreachedMsMax: options.firstMsMax ?? options.totalMsMax ?? 120_000,
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
    let attempts = this.#attempts();
    for (;;) {
      try {
        const rest = after === undefined ? options : { ...options, after };
        for await (const info of this.inner.list(prefix, rest)) {
          yield info;
          after = info.key;
          attempts = this.#attempts();
        }
        this.#circuit.close();
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
    const attempts = this.#attempts();
    for (;;) {
      try {
        const result = await call(attempts.number);
        this.#circuit.close();
        return result;
      } catch (error) {
        await attempts.afterFailure(error, signal);
      }
    }
  }

  #attempts(): Attempts {
    return new Attempts(this.#options, this.#circuit);
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

/** How long something has been failing, the time left out in which the machine slept. */
class FailingTime {
  #sinceMs: number | undefined;
  #lastMs: number;

  /** `startMs`: count from then on, if not from the first failure. */
  constructor(startMs?: number) {
    this.#sinceMs = startMs;
    this.#lastMs = startMs ?? 0;
  }

  /** Milliseconds since the start, or the first failure after the last success. */
  failed(nowMs: number): number {
    // No wait and no call takes so long: the process was frozen or the machine asleep.
    if (this.#sinceMs === undefined || nowMs - this.#lastMs > gapMsMax) this.#sinceMs = nowMs;
    this.#lastMs = nowMs;
    return nowMs - this.#sinceMs;
  }

  succeeded(): void {
    this.#sinceMs = undefined;
  }
}

const gapMsMax = 90_000;

/** What all calls of a store know together about how it does. */
class Circuit {
  readonly failing = new FailingTime();
  hasAnswered = false;

  /** The store has answered. */
  close(): void {
    this.hasAnswered = true;
    this.failing.succeeded();
  }
}

/** The attempts at one call. */
class Attempts {
  number = 1;
  readonly #options: Required<RetryOptions>;
  readonly #circuit: Circuit;
  readonly #failing: FailingTime;
  /** What a failure should have mended, and did not if it comes again. */
  readonly #mended = new Set<string>();

  constructor(options: Required<RetryOptions>, circuit: Circuit) {
    this.#options = options;
    this.#circuit = circuit;
    this.#failing = new FailingTime(options.clock.elapsed());
  }

  /** Resolves when the next attempt may begin; throws `error` if there is to be none. */
  async afterFailure(error: unknown, signal: AbortSignal | undefined): Promise<void> {
    const { attemptsMax, clock, delayMs, delayMsMax } = this.#options;
    if (!isVersionsError(error, 'Unavailable') || error.code === 'OBJECT_ARCHIVED') {
      // It answered, if only to refuse.
      if (isVersionsError(error) && error.kind !== 'Cancelled') this.#circuit.close();
      throw error;
    }
    const now = clock.elapsed();
    const failingMs = Math.max(this.#failing.failed(now), this.#circuit.failing.failed(now));
    if (!this.#isWorthRetrying(error) || this.number >= attemptsMax) throw error;
    const bound = Math.min(delayMsMax, delayMs * 2 ** (this.number - 1));
    const wait = Math.floor(this.#fraction() * bound);
    if (failingMs + wait > this.#patienceMs(error)) throw error;
    throwIfAborted(signal);
    await raceAbort(clock.sleep(wait, signal), signal);
    this.number += 1;
  }

  #patienceMs({ code }: VersionsError): number {
    const { totalMsMax, firstMsMax, unreachedMsMax } = this.#options;
    if (this.#circuit.hasAnswered) return totalMsMax;
    return code === 'STORE_UNREACHABLE' ? unreachedMsMax : firstMsMax;
  }

  #isWorthRetrying({ code }: VersionsError): boolean {
    if (lasting.has(code) || this.#mended.has(code)) return false;
    if (mendedByFailing.has(code)) this.#mended.add(code);
    return true;
  }

  /** From 0 up to but not including 1. */
  #fraction(): number {
    const bytes = this.#options.random.bytes(4);
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / 2 ** 32;
  }
}

/** Waiting a little does not change these. */
const lasting: ReadonlySet<string> = new Set(['STORE_FULL', 'STORE_ABSENT']);

/**
 * A store that failed so has learned from it: the time of the other side, that a login ran out. What
 * a provider says in words that nobody knows is worth one more attempt, too.
 */
const mendedByFailing: ReadonlySet<string> = new Set([
  'STORE_CLOCK_SKEW',
  'STORE_CREDENTIALS_EXPIRED',
  'STORE_REFUSES',
]);
