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

/** A store whose objects nobody may delete for a while. */
export interface LockingStore {
  /** Whether the object is one that is locked here. */
  locks(key: string): boolean;
  /** Locks it for as long again as if it were stored now. Errors: those of `ObjectStore.get`. */
  extendLock(key: string, options?: CallOptions): Promise<void>;
}

/** A store that may have put objects into an archive, from which they come back on request. */
export interface ThawingStore {
  /**
   * Asks for an object back, for so many days. Costs what the provider asks for it. Errors: those of
   * `ObjectStore.get`, and `Unsupported`.
   */
  thaw(key: string, days: number, options?: CallOptions): Promise<Thaw>;
}

/** Asked for just now; somebody had asked before and it is under way; it can be read. */
export type Thaw = 'asked' | 'pending' | 'readable';

/** The store, or one that it decorates, as one that keeps versions; undefined if none does. */
export function versionedStoreIn(store: ObjectStore): VersionedStore | undefined {
  return firstIn(store, isVersioned);
}

/** The same for one that locks objects. */
export function lockingStoreIn(store: ObjectStore): LockingStore | undefined {
  return firstIn(store, isLocking);
}

/** The same for one that gives archived objects back. */
export function thawingStoreIn(store: ObjectStore): ThawingStore | undefined {
  return firstIn(store, isThawing);
}

function firstIn<T>(
  store: ObjectStore,
  isSuch: (each: ObjectStore) => each is ObjectStore & T,
): T | undefined {
  for (let each: ObjectStore | undefined = store; each !== undefined; each = innerOf(each)) {
    if (isSuch(each)) return each;
  }
  return undefined;
}

function innerOf(store: ObjectStore): ObjectStore | undefined {
  return store instanceof ForwardingStore ? store.decorated : undefined;
}

function isLocking(store: ObjectStore): store is ObjectStore & LockingStore {
  return 'locks' in store && 'extendLock' in store;
}

function isThawing(store: ObjectStore): store is ObjectStore & ThawingStore {
  return 'thaw' in store;
}

function isVersioned(store: ObjectStore): store is ObjectStore & VersionedStore {
  return 'versions' in store && 'getVersion' in store;
}
