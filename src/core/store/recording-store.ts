import { ForwardingStore } from './forwarding-store.ts';
import type {
  CallOptions,
  GetOptions,
  ObjectInfo,
  ObjectStore,
  PutOptions,
} from './object-store.ts';

export type StoreMethod = 'put' | 'get' | 'head' | 'list' | 'delete';

/** One call of a store, as a `RecordingStore` and a `FaultyStore` see it. */
export interface StoreCall {
  readonly method: StoreMethod;
  /** The key, or for `list` the prefix. */
  readonly key: string;
  readonly range?: GetOptions['range'];
}

/**
 * Keeps a list of all calls, in the order in which they began: for call budgets, and for crash
 * tests, which throw from `before` at the n-th call. What `before` throws, the call throws, and the
 * store behind does not see it.
 */
export class RecordingStore extends ForwardingStore {
  readonly calls: StoreCall[] = [];
  before: ((call: StoreCall, number: number) => void | Promise<void>) | undefined;

  constructor(
    inner: ObjectStore,
    before?: (call: StoreCall, number: number) => void | Promise<void>,
  ) {
    super(inner);
    this.before = before;
  }

  /** How often a method was called, or all of them. */
  count(method?: StoreMethod): number {
    return this.calls.filter((call) => method === undefined || call.method === method).length;
  }

  /** Forgets the calls; for a budget of what follows. */
  clear(): void {
    this.calls.length = 0;
  }

  override async put(
    key: string,
    parts: readonly Uint8Array[],
    options?: PutOptions,
  ): Promise<void> {
    await this.#record({ method: 'put', key });
    return this.inner.put(key, parts, options);
  }

  override async get(key: string, options: GetOptions = {}): Promise<Uint8Array> {
    const { range } = options;
    await this.#record({ method: 'get', key, ...(range !== undefined && { range }) });
    return this.inner.get(key, options);
  }

  override async head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined> {
    await this.#record({ method: 'head', key });
    return this.inner.head(key, options);
  }

  override async *list(
    prefix: string,
    options?: CallOptions & { readonly after?: string },
  ): AsyncGenerator<ObjectInfo, void, undefined> {
    await this.#record({ method: 'list', key: prefix });
    yield* this.inner.list(prefix, options);
  }

  override async delete(key: string, options?: CallOptions): Promise<void> {
    await this.#record({ method: 'delete', key });
    return this.inner.delete(key, options);
  }

  async #record(call: StoreCall): Promise<void> {
    this.calls.push(call);
    // The number is taken now: other calls may begin while `before` waits.
    await this.before?.(call, this.calls.length);
  }
}
