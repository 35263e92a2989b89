import PQueue from 'p-queue';
import { isVersionsError } from '../errors/index.ts';
import { cancelled, throwIfAborted } from './cancel.ts';
import { ForwardingStore } from './forwarding-store.ts';
import type {
  CallOptions,
  GetOptions,
  ObjectInfo,
  ObjectStore,
  PutOptions,
} from './object-store.ts';

/**
 * Lets only so many calls run at once (`properties.connectionsMax` unless told otherwise); the
 * others wait in order, and leave the queue when their signal aborts. A listing takes a place for
 * each step, not while its reader is busy elsewhere.
 *
 * When the store is overwhelmed or does not answer, half as many calls run at once, down to one;
 * with each round of calls that succeed, one more does.
 */
export class LimitedStore extends ForwardingStore {
  readonly #queue: PQueue;
  readonly #pace: Pace;

  constructor(inner: ObjectStore, callsMax: number = inner.properties.connectionsMax) {
    super(inner);
    this.#pace = new Pace(callsMax);
    this.#queue = new PQueue({ concurrency: callsMax });
  }

  /** How many calls may run at once just now. */
  get callsAtOnce(): number {
    return this.#pace.callsAtOnce;
  }

  override put(key: string, parts: readonly Uint8Array[], options: PutOptions = {}): Promise<void> {
    return this.#limit(options.signal, () => this.inner.put(key, parts, options));
  }

  override get(key: string, options: GetOptions = {}): Promise<Uint8Array> {
    return this.#limit(options.signal, () => this.inner.get(key, options));
  }

  override head(key: string, options: CallOptions = {}): Promise<ObjectInfo | undefined> {
    return this.#limit(options.signal, () => this.inner.head(key, options));
  }

  override async *list(
    prefix: string,
    options: CallOptions & { readonly after?: string } = {},
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    const iterator = this.inner.list(prefix, options)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const step = await this.#limit(options.signal, () => iterator.next());
        if (step.done === true) return;
        yield step.value;
      }
    } finally {
      await iterator.return?.();
    }
  }

  override delete(key: string, options: CallOptions = {}): Promise<void> {
    return this.#limit(options.signal, () => this.inner.delete(key, options));
  }

  async #limit<T>(signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    if (signal === undefined) return this.#queue.add(() => this.#watch(call));
    throwIfAborted(signal);
    // A signal for the wait alone: a call that runs keeps its place until it has really ended.
    const waiting = new AbortController();
    const onAbort = (): void => waiting.abort(cancelled(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    const start = (): Promise<T> => {
      signal.removeEventListener('abort', onAbort);
      return this.#watch(call);
    };
    return this.#queue.add(start, { signal: waiting.signal });
  }

  async #watch<T>(call: () => Promise<T>): Promise<T> {
    const round = this.#pace.round;
    try {
      const result = await call();
      this.#pace.faster();
      return result;
    } catch (error) {
      if (isVersionsError(error, 'Unavailable') && overwhelmed.has(error.code)) {
        this.#pace.slower(round);
      }
      throw error;
    } finally {
      this.#queue.concurrency = this.#pace.callsAtOnce;
    }
  }
}

const overwhelmed: ReadonlySet<string> = new Set([
  'STORE_THROTTLED',
  'STORE_UNAVAILABLE',
  'STORE_UNREACHABLE',
]);

/** How many calls may run at once: one more for each round that went well, half after a failure. */
class Pace {
  /** Counts the cuts: calls that began before the last one say nothing about what it did. */
  round = 0;
  readonly #most: number;
  #calls: number;

  constructor(most: number) {
    this.#most = most;
    this.#calls = most;
  }

  get callsAtOnce(): number {
    return Math.floor(this.#calls);
  }

  faster(): void {
    this.#calls = Math.min(this.#most, this.#calls + 1 / this.#calls);
  }

  slower(round: number): void {
    if (round !== this.round) return;
    this.round += 1;
    this.#calls = Math.max(1, this.#calls / 2);
  }
}
