import type { ObjectHash } from '../base/index.ts';
import type { CallOptions, ObjectStore } from './object-store.ts';

/** What somebody who has read an object to its end says of it. */
export interface ObjectDigest {
  /** The SHA-256 of its bytes. */
  readonly hash: ObjectHash;
  readonly bytes: number;
}

/** Reads files for a store: in threads of its own, into memory that they use again and again. */
export interface FileHasher {
  /**
   * Hashes an open file from its beginning: `bytes` bytes, or fewer if it ends before. The file must
   * stay open until this settles. Rejects with what the system call threw.
   */
  hashFile(fd: number, bytes: number): Promise<ObjectDigest>;
}

/**
 * A store whose objects somebody else can read where they lie. Decorators that do not know of it
 * hide it, so that nothing passes them by; those that do hold such calls to the same as `get`.
 */
interface DigestingStore {
  /**
   * Hashes what `get` would return, without its bytes coming here. Undefined if that is not
   * possible. Errors: those of `get`.
   */
  digest(key: string, hasher: FileHasher, options?: CallOptions): Promise<ObjectDigest | undefined>;
}

/** The digest of an object, if the store can have it made where the object lies: else `get` it. */
export async function digestIn(
  store: ObjectStore,
  key: string,
  hasher: FileHasher,
  options: CallOptions = {},
): Promise<ObjectDigest | undefined> {
  return isDigesting(store) ? store.digest(key, hasher, options) : undefined;
}

function isDigesting(store: ObjectStore): store is ObjectStore & DigestingStore {
  return 'digest' in store;
}
