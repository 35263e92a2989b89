import PQueue from 'p-queue';
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
 */
export class LimitedStore extends ForwardingStore {
  readonly #queue: PQueue;

  constructor(inner: ObjectStore, callsMax: number = inner.properties.connectionsMax) {
    super(inner);
    this.#queue = new PQueue({ concurrency: callsMax });
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
    if (signal === undefined) return this.#queue.add(call);
    throwIfAborted(signal);
    // A signal for the wait alone: a call that runs keeps its place until it has really ended.
    const waiting = new AbortController();
    const onAbort = (): void => waiting.abort(cancelled(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    const start = (): Promise<T> => {
      signal.removeEventListener('abort', onAbort);
      return call();
    };
    return this.#queue.add(start, { signal: waiting.signal });
  }
}
