/**
 * A generic write-ahead log. It knows nothing of what it holds.
 *
 * - `append` adds a record behind the others; `sync` resolves when all of them survive a power cut.
 * - `flush` hands all records, oldest first, to `apply`, which stores them elsewhere in one
 *   transaction; when that resolves the log is cleared. If the process dies in between, they are
 *   handed to `apply` again after the next `open`: `apply` must tolerate a second time.
 * - On `open` a torn or damaged tail is cut off and everything before it is kept; how many bytes
 *   were cut is told.
 * - After a clear, a writer that still holds the log as it was before fails with `Conflict` (code
 *   JOURNAL_CHANGED) instead of writing into the new one; so does a second process.
 */
export interface Journal extends AsyncDisposable {
  readonly path: string;
  /** Records that are in the log. */
  readonly recordCount: number;
  /** Bytes in the log, framing included. */
  readonly bytes: number;
  /** Bytes that were cut off when it was opened, because they were torn or damaged. */
  readonly bytesCut: number;
  append(record: Uint8Array): void;
  sync(): Promise<void>;
  /** The records, oldest first. Those appended while it runs may be missing. */
  records(): AsyncIterable<Uint8Array>;
  flush(apply: (records: AsyncIterable<Uint8Array>) => Promise<void>): Promise<void>;
  clear(): Promise<void>;
}
