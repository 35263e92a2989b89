/** What is known of an object without reading it. A hint, never a proof of its content. */
export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface GetOptions extends CallOptions {
  /** Bytes from `offset`; fewer are returned only if the object ends there. */
  readonly range?: { readonly offset: number; readonly length: number } | undefined;
  /** Over a connection that has carried nothing before: somebody doubts what came over another. */
  readonly isFresh?: boolean | undefined;
}

export interface PutOptions extends CallOptions {
  /** Fail with `Conflict` if the key exists. Honoured only where `properties.conditionalPut`. */
  readonly ifAbsent?: boolean | undefined;
}

export interface StoreProperties {
  /** For people: a path or URL without credentials. */
  readonly location: string;
  readonly connectionsMax: number;
  readonly objectBytesMax: number;
  readonly conditionalPut: boolean;
}

/**
 * One bucket or directory. What may be relied on:
 *
 * - keys are `/`-separated, of at most 200 ASCII characters from `[0-9a-z./-]`; no segment is empty
 *   or begins with a dot (so neither `.` nor `..`, and names with a dot are free for unfinished
 *   writes); anything else is an `Internal` error (code STORE_KEY_INVALID); no key is another key
 *   followed by `/` and more;
 * - `put` is atomic: a reader sees the whole object or none, also after a crash, and when it
 *   resolves the object survives a power cut; it replaces an older object. The parts may be used
 *   for something else once it has settled, not before. A `put` that rejects may still have stored
 *   the object (the answer was lost), never a part of it;
 * - a completed `put` is seen by every later `get`, `head` and `list` of this client;
 * - `get` returns exactly the stored bytes, in memory of their own that may be transferred to
 *   another thread; a range that begins at or beyond the end gives no bytes;
 * - `list` yields every object whose key begins with the text `prefix` in ascending order of keys,
 *   beginning after `after`; objects put or deleted meanwhile may or may not appear. An object that
 *   can be listed need not be readable;
 * - `delete` of a missing key succeeds.
 *
 * Errors: `NotFound` (OBJECT_NOT_FOUND, only from `get`), `Conflict` (OBJECT_EXISTS, only with
 * `ifAbsent`), `Unavailable` (may be tried again, but for STORE_ABSENT: the place itself is not
 * there, and STORE_FULL), `Denied` (STORE_DENIED, STORE_READ_ONLY, OBJECT_UNREADABLE: there is
 * something under the key that cannot be an object), `Cancelled`; never `Corrupt`: a store judges
 * nothing.
 *
 * All methods reject with the signal's reason (as `Cancelled`) when it aborts. A store never
 * retries by itself and never logs.
 */
export interface ObjectStore extends AsyncDisposable {
  readonly properties: StoreProperties;
  /** Several parts are written one after another as one object, so that nobody has to join them. */
  put(key: string, parts: readonly Uint8Array[], options?: PutOptions): Promise<void>;
  get(key: string, options?: GetOptions): Promise<Uint8Array>;
  /** Undefined if there is no such object. */
  head(key: string, options?: CallOptions): Promise<ObjectInfo | undefined>;
  list(
    prefix: string,
    options?: CallOptions & { readonly after?: string },
  ): AsyncIterable<ObjectInfo>;
  delete(key: string, options?: CallOptions): Promise<void>;
}
