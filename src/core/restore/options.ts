import type { ByteString, System } from '../base/index.ts';
import type { FreeSpace } from '../files/index.ts';
import type { SnapshotInfo } from '../snapshot/index.ts';

export type Overwrite = 'always' | 'if-changed' | 'if-newer' | 'never';

export interface RestoreOptions {
  readonly snapshot: SnapshotInfo;
  /** A directory: what is in it goes straight into the target. A file: it goes there by its name. */
  readonly path?: ByteString | undefined;
  /** Absolute. */
  readonly target: ByteString;
  /** Patterns as in .gitignore, relative to the snapshot's `/`; none: everything. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly overwrite: Overwrite;
  /** Remove what the snapshot does not have from the directories that are restored. */
  readonly delete: boolean;
  /** Read everything back afterwards and compare. */
  readonly verify: boolean;
  readonly owner: boolean;
  readonly dryRun: boolean;
  /** Whose rules names must keep; default: those of the system this runs on. */
  readonly system?: System | undefined;
  /** Into a new target, writing begins once so many chunks are planned; by default 16,384. */
  readonly beginAfter?: number | undefined;
  /** What the target has left; by default what its file system says. */
  readonly freeSpace?: FreeSpace | undefined;
  /** Which start of the machine this is; by default what the system says. */
  readonly boot?: string | undefined;
  /** Ask for what lies in an archive; it can be read some hours later. */
  readonly thaw?: boolean | undefined;
}

export interface RestoreSummary {
  readonly filesRestored: number;
  /** Files that were already as they should be, or that `overwrite` kept. */
  readonly filesUnchanged: number;
  readonly filesDeleted: number;
  readonly dirs: number;
  readonly others: number;
  readonly problems: number;
  /** Packs that are needed and lie in an archive. */
  readonly packsArchived: number;
  /** Those of them that were asked for now, or before. */
  readonly packsAsked: number;
  readonly bytesWritten: number;
  readonly bytesFetched: number;
  readonly durationMs: number;
}
