import { displayPath, type ByteString } from '../base/index.ts';
import type { VersionsError } from '../errors/index.ts';
import type { RestoreTarget } from '../files/index.ts';
import type { Monitor } from '../monitor/index.ts';
import type { ChunkReader, Context, Repository } from '../repository/index.ts';
import type { TreeReader } from '../snapshot/index.ts';
import type { RestoreSettings, WorkerPool } from '../workers/index.ts';
import type { RestoreOptions } from './options.ts';
import type { UnsafeWrites } from './unsafe-writes.ts';

export interface RestoreCounts {
  filesRestored: number;
  filesUnchanged: number;
  filesDeleted: number;
  dirs: number;
  others: number;
  problems: number;
  bytesWritten: number;
  bytesFetched: number;
}

/** Everything one restore works with. */
export interface RestoreWork {
  readonly repository: Repository;
  readonly options: RestoreOptions;
  readonly context: Context;
  readonly settings: RestoreSettings;
  /** Undefined for a dry run whose target does not exist. */
  readonly target: RestoreTarget | undefined;
  /** This restore makes the target directory. */
  readonly targetIsNew: boolean;
  readonly chunks: ChunkReader;
  readonly trees: TreeReader;
  readonly pool: WorkerPool;
  /** For spilling the plan; private. */
  readonly directory: string;
  readonly counts: RestoreCounts;
  /** What a power cut may have taken of files that are there. */
  readonly unsafe: UnsafeWrites;
  /** Packs that are needed, or may be, and lie in an archive: their keys, and what said so. */
  readonly archived: Map<string, VersionsError | undefined>;
}

/** Tells a problem of one item and counts it. */
export function reportProblem(
  work: { readonly counts: RestoreCounts; readonly context: { readonly monitor: Monitor } },
  error: VersionsError,
): void {
  work.counts.problems += 1;
  work.context.monitor.problem(error);
}

/** Tells what is done with one path of the target. */
export function reportItem(
  { context: { monitor } }: Pick<RestoreWork, 'context'>,
  action: string,
  path: ByteString,
  bytes: number,
): void {
  if (monitor.wantsItems !== false) monitor.item({ action, path: displayPath(path), bytes });
}
