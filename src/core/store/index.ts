/**
 * Stores: one bucket or directory each, seen through `ObjectStore`, whose comment is the contract.
 *
 * Invariants: a reader never sees part of an object; what `put` has confirmed survives a power cut;
 * a store never judges content, never retries and never logs; a key cannot lead out of its store.
 * `test/contract/object-store.ts` holds every kind of store, and every decorator, against this.
 *
 * Decorators do one thing each and are put around a store in this order, the first innermost:
 * `LimitedStore` (calls at once), `RetryingStore` (so that a wait between attempts takes no place),
 * `ReadOnlyStore`. `openStore` puts the first two around a bucket. `RecordingStore` and `FaultyStore` are for tests.
 */
export {
  lockingStoreIn,
  type LockingStore,
  type Thaw,
  thawingStoreIn,
  type ThawingStore,
  versionedStoreIn,
  type ObjectVersion,
  type VersionedStore,
} from './abilities.ts';
export { CappedStore } from './capped-store.ts';
export { cancelled, raceAbort, throwIfAborted } from './cancel.ts';
export { digestIn, type FileHasher, type ObjectDigest } from './digest.ts';
export {
  DirectoryStore,
  type DirectoryStoreOptions,
  type SweptTemporaries,
} from './directory-store.ts';
export { type Fault, FaultyStore } from './faulty-store.ts';
export { ForwardingStore } from './forwarding-store.ts';
export { LimitedStore } from './limited-store.ts';
export { MemoryStore } from './memory-store.ts';
export { assertObjectKey } from './object-key.ts';
export type {
  CallOptions,
  GetOptions,
  ObjectInfo,
  ObjectStore,
  PutOptions,
  StoreProperties,
} from './object-store.ts';
export { openStore, type OpenStoreOptions } from './open-store.ts';
export {
  type ProbeAnswer,
  type ProbeOptions,
  type ProbeQuestion,
  probeQuestions,
} from './probe-answer.ts';
export { probeStore } from './probe-store.ts';
export { ReadOnlyStore } from './read-only-store.ts';
export { RecordingStore, type StoreCall, type StoreMethod } from './recording-store.ts';
export { RetryingStore, type RetryOptions } from './retrying-store.ts';
export type { AccessKeys, StoreCredentials } from './s3-client.ts';
export { parseS3Url, type S3Place } from './s3-url.ts';
export { S3Store, type S3StoreOptions } from './s3-store.ts';
export { sweepTemporaries } from './sweep-temporaries.ts';
export { storeReadOnly } from './store-errors.ts';
