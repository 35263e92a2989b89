import type { ByteString } from '../base/index.ts';
import type { VersionsError } from '../errors/index.ts';

/** Input that is saved as one file instead of reading paths. */
export interface StreamInput {
  readonly name: string;
  readonly stream: AsyncIterable<Uint8Array>;
  /** Rejects if what produced the stream failed: then there is no snapshot. */
  readonly finished?: Promise<void> | undefined;
}

export interface BackupOptions {
  /** Absolute. */
  readonly paths: readonly ByteString[];
  /** Patterns as in .gitignore, relative to `/`. */
  readonly excludes: readonly string[];
  readonly excludeCaches: boolean;
  readonly excludeIfPresent: readonly string[];
  readonly excludeLargerThan?: number | undefined;
  readonly oneFileSystem: boolean;
  readonly tags: readonly string[];
  readonly host: string;
  readonly user: string;
  /** Milliseconds since 1970, instead of now. */
  readonly time?: number | undefined;
  /** Where the (single) path appears in the snapshot. */
  readonly as?: ByteString | undefined;
  readonly force: boolean;
  /** How often this machine means to save; told to whoever watches. */
  readonly everyMs?: number | undefined;
  /**
   * Why a run before this one failed. Then no file is read: what that run had finished, and what is
   * unchanged, becomes a partial snapshot.
   */
  readonly cutShort?: VersionsError | undefined;
  readonly dryRun: boolean;
  /** Mirrors, catalog, cache, key files: never saved. */
  readonly neverEnter: readonly ByteString[];
  readonly stdin?: StreamInput | undefined;
}

export interface BackupSummary {
  /** Absent if no snapshot was made. */
  readonly snapshotId?: string;
  /** The run was cut short; the snapshot holds what was done until then. */
  readonly partial: boolean;
  readonly filesNew: number;
  readonly filesChanged: number;
  readonly filesUnchanged: number;
  readonly dirs: number;
  readonly others: number;
  readonly problems: number;
  readonly bytesScanned: number;
  readonly bytesRead: number;
  /** Plaintext bytes of chunks that were new. */
  readonly bytesNew: number;
  /** Bytes of the packs that were written. */
  readonly bytesStored: number;
  readonly durationMs: number;
  /** Objects that some mirror still lacks. */
  readonly debts: number;
  /** Names of the mirrors that lack something of this run, absent ones included. */
  readonly mirrorsBehind: readonly string[];
  readonly missingPaths: number;
  /** Why the run was cut short. */
  readonly stopReason?: VersionsError;
}
