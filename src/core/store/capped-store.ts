import { ForwardingStore } from './forwarding-store.ts';
import type { GetOptions, ObjectStore } from './object-store.ts';

/**
 * Reads at most `bytesMax` and one bytes of an object: what is longer than any object may be cannot
 * be good, and must not fill the memory of whoever finds that out.
 */
export class CappedStore extends ForwardingStore {
  readonly #bytesMax: number;

  constructor(inner: ObjectStore, bytesMax: number) {
    super(inner);
    this.#bytesMax = bytesMax;
  }

  override get(key: string, options: GetOptions = {}): Promise<Uint8Array> {
    const range = options.range ?? { offset: 0, length: this.#bytesMax + 1 };
    return this.inner.get(key, { ...options, range });
  }
}
