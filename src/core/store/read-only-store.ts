import { digestIn, type FileHasher, type ObjectDigest } from './digest.ts';
import { ForwardingStore } from './forwarding-store.ts';
import type { CallOptions } from './object-store.ts';
import { storeReadOnly } from './store-errors.ts';

/** Refuses every write with `Denied` (STORE_READ_ONLY), before it reaches the store. */
export class ReadOnlyStore extends ForwardingStore {
  override async put(): Promise<void> {
    throw storeReadOnly(this.properties.location);
  }

  override async delete(): Promise<void> {
    throw storeReadOnly(this.properties.location);
  }

  /** See `digestIn`. */
  digest(
    key: string,
    hasher: FileHasher,
    options?: CallOptions,
  ): Promise<ObjectDigest | undefined> {
    return digestIn(this.inner, key, hasher, options);
  }
}
