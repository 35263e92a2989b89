/** One thing that happened to a file or a name below the root, in order. */
export type PowerEvent =
  /** A file is known under a new name. */
  | { readonly kind: 'link'; readonly path: string; readonly file: number }
  | { readonly kind: 'unlink'; readonly path: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly file: number }
  /** A file that was there before all this, and is on the disk as it is. */
  | {
      readonly kind: 'adopt';
      readonly path: string;
      readonly file: number;
      readonly bytes: Uint8Array;
    }
  | { readonly kind: 'mkdir'; readonly path: string }
  /** What the file holds from now on. */
  | { readonly kind: 'content'; readonly file: number; readonly bytes: Uint8Array }
  /** An fsync of the file has ended; it had so many contents when that began. */
  | { readonly kind: 'sync'; readonly file: number; readonly contents: number }
  /** The same of a directory, which had so many events behind it. */
  | { readonly kind: 'sync-directory'; readonly path: string; readonly events: number }
  /** A database as SQLite left it, which keeps its own promises; without bytes, it is not there. */
  | { readonly kind: 'database'; readonly path: string; readonly bytes: Uint8Array | undefined };

/** What the recorder is told, as JSON in `VERSIONS_POWER_RECORD`. */
export interface PowerOrder {
  readonly root: string;
  /** Where the events go: each as its length in four bytes and `v8.serialize` of it. */
  readonly log: string;
  /** Below the root; recorded whenever something else happens. */
  readonly databases: readonly string[];
  /** Calls of fsync do nothing: to see that their lack is found. */
  readonly withoutSync?: boolean;
}
