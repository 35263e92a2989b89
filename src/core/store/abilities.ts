import { ForwardingStore } from './forwarding-store.ts';
import type { CallOptions, ObjectInfo, ObjectStore } from './object-store.ts';

/** A store that keeps what is written over or deleted. */
export interface VersionedStore {
  /** All versions of an object that have bytes, the newest first; also of one that was deleted. */
  versions(key: string, options?: CallOptions): AsyncIterable<ObjectVersion>;
  /** The bytes of one of them. Errors: those of `ObjectStore.get`. */
  getVersion(key: string, version: string, options?: CallOptions): Promise<Uint8Array>;
}

export interface ObjectVersion extends ObjectInfo {
  /** What the store calls it. */
  readonly version: string;
}

/** The store, or one that it decorates, as one that keeps versions; undefined if none does. */
export function versionedStoreIn(store: ObjectStore): VersionedStore | undefined {
  for (let each: ObjectStore | undefined = store; each !== undefined; each = innerOf(each)) {
    if (isVersioned(each)) return each;
  }
  return undefined;
}

function innerOf(store: ObjectStore): ObjectStore | undefined {
  return store instanceof ForwardingStore ? store.decorated : undefined;
}

function isVersioned(store: ObjectStore): store is ObjectStore & VersionedStore {
  return 'versions' in store && 'getVersion' in store;
}
