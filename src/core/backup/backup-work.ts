import type { ByteString, ChunkId } from '../base/index.ts';
import type { VersionsError } from '../errors/index.ts';
import type { RootEntry, SnapshotRecord } from '../format/index.ts';
import type { Context, Repository, TreeStore, WriteSession } from '../repository/index.ts';
import type { WorkerPool } from '../workers/index.ts';
import type { LocalState } from './local-state.ts';
import type { StateChanges } from './state-changes.ts';
import type { BackupOptions, BackupSummary } from './options.ts';

/** Everything one run of `backup` works with. */
export interface BackupWork {
  readonly repository: Repository;
  readonly options: BackupOptions;
  readonly context: Context;
  /** Id of the source, 16 bytes. */
  readonly source: Uint8Array;
  readonly startMs: number;
  readonly session: WriteSession;
  readonly pool: WorkerPool;
  readonly trees: TreeStore;
  readonly state: LocalState;
  readonly changes: StateChanges;
  /** The packs that were not at hand when the run began, as `packsOutOfReach` names them. */
  readonly without: string;
  readonly parent: SnapshotRecord | undefined;
}

/** What was saved, ready to be committed. Every chunk of it is stored and logged. */
export interface Saved {
  readonly root: ChunkId;
  readonly rootEntry?: RootEntry | undefined;
  readonly counts: Pick<
    BackupSummary,
    | 'filesNew'
    | 'filesChanged'
    | 'filesUnchanged'
    | 'dirs'
    | 'others'
    | 'problems'
    | 'bytesScanned'
    | 'bytesRead'
    | 'bytesNew'
  >;
  /** Sizes of the files in the snapshot. */
  readonly bytes: number;
  readonly missing: readonly ByteString[];
  readonly uids: ReadonlySet<number>;
  readonly gids: ReadonlySet<number>;
  /** Why the run was cut short. */
  readonly stop: VersionsError | undefined;
}
